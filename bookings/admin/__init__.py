"""Django's admin of bookings and of what belongs to them: customers, stations, emails and the audit log."""

from bookings.admin import audit_trail, bookings, customers, mails, stations

__all__ = ["audit_trail", "bookings", "customers", "mails", "stations"]
