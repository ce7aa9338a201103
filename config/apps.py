"""The app of Django's admin with the product's own site."""

# Apart from `config.admin`, which can be imported only after the apps are loaded.

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "config.admin.StationbookAdmin"
