"""Base class and manager of the user model: lower-case emails, and passwords that are normalized before hashing."""

from typing import Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager

from accounts.auth import passwords
from core.invisible_characters import without_invisible

AnyUser = TypeVar("AnyUser", bound="PasswordUser")


class UserManager(BaseUserManager[AnyUser]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> AnyUser:
        passwords.require_not_forbidden(password)
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self.db)
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
    """Set by `check_password`: the password is correct, and its hash should be updated."""

    class Meta:
        abstract = True

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else passwords.normalize(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. Does not update an outdated hash, which would end sessions; signing in does."""
        is_correct, self.has_outdated_hash = passwords.verify(raw_password or "", self.password)
        return is_correct
