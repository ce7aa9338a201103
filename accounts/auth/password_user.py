"""The base of the user model, and its manager: emails in lower case, and passwords that are normalized before they are hashed."""

from typing import Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager

from accounts.auth import passwords
from core.invisible_characters import without_invisible

AnyUser = TypeVar("AnyUser", bound="PasswordUser")


class UserManager(BaseUserManager[AnyUser]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> AnyUser:
        passwords.require_not_shut_out(password)
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> AnyUser:
        return self.create_user(email, password, **{**fields, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> AnyUser:
        return self.get(email=(username or "").lower())

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return without_invisible(email or "").strip().lower()


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
