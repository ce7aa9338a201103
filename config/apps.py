"""Django's admin with the product's own site. Apart from the site itself, which needs what this loads."""

from django.contrib.admin.apps import AdminConfig as DjangosAdminConfig


class AdminConfig(DjangosAdminConfig):
    default_site = "config.admin.StationbookAdmin"
