"""The base of the user model: passwords that are normalized before they are hashed."""

from django.contrib.auth.base_user import AbstractBaseUser

from accounts.auth import passwords


class PasswordUser(AbstractBaseUser):
    """A user whose password is normalized before it is hashed."""

    has_outdated_hash = False
    """Set by `check_password`: the password was right, and today it would be hashed in another way."""

    class Meta:
        abstract = True

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else passwords.normalize(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. An outdated hash stays: a new one ends sessions, so it is for signing in to make it."""
        is_correct, self.has_outdated_hash = passwords.verify(raw_password or "", self.password)
        return is_correct
