from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from accounts import audit, policies, roles, second_factor

        audit.register_models()
        post_migrate.connect(roles.sync_groups, sender=self)
        post_migrate.connect(policies.build, sender=self)
        post_migrate.connect(second_factor.require_known_groups, sender=self)
