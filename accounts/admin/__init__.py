"""Django's admin of people and groups."""

from accounts.admin import people

__all__ = ["people"]
