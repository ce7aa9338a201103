from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from accounts import roles
        from accounts.audit import recorder
        from accounts.auth import two_factor
        from accounts.rls import policies

        recorder.register_models()
        post_migrate.connect(roles.sync_groups, sender=self)
        post_migrate.connect(policies.sync_policies, sender=self)
        post_migrate.connect(two_factor.require_known_groups, sender=self)
