"""The session model: the browsers that users are signed in with."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _


class Session(AbstractBaseSession):
    """A browser that a user is signed in with. `accounts.auth.session_store` reads and writes it.

    It holds a digest of the cookie's key, so nobody can sign in with what the table, a backup or the database's log contains.
    """

    session_key = None  # type: ignore[assignment]
    digest = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions")
    browser = models.CharField(max_length=20, blank=True, default="")
    platform = models.CharField(max_length=20, blank=True, default="")
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.device

    @property
    def device(self) -> str:
        """Such as “Firefox on Windows”."""
        if self.browser and self.platform:
            return _("%(browser)s on %(platform)s") % {"browser": self.browser, "platform": self.platform}
        return self.browser or self.platform or _("Unknown device")

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store
