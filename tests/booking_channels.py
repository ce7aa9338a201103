"""Every channel through which a booking is created with a contact: API, page, admin and import."""

from pathlib import Path

from django.test import Client

from accounts import roles
from stations.models import Station
from tests.bookings.api.caller import Caller
from tests.bookings.importing.commands import import_file, write
from tests.factories import person, staff

PLACE = {"station": "kitchen", "date": "2031-03-07", "slot": "18:00", "party_adults": 2}
PARTY = {"slots": 1, "party_kids": 0, "total_due_cents": "0", "deposit_due_cents": "0", "status": "confirmed"}


class BookingChannels:
    """Create a booking for a contact through each channel; each method returns how many were created."""

    def __init__(self, station: Station, folder: Path) -> None:
        self.station, self.folder = station, folder
        self.api = Caller(staff(station))
        self.pages, self.admin = Client(), Client()
        self.pages.force_login(staff(station))
        self.admin.force_login(person(roles.MANAGERS, station))

    def by_api(self, name: str, email: str, phone: str) -> int:
        sent = {**PLACE, "customer": {"name": name, "email": email, "phone": phone}}
        return int(self.api.post("/api/bookings/", sent).status_code == 201)

    def by_page(self, name: str, email: str, phone: str) -> int:
        sent = {**PLACE, **PARTY, "name": name, "email": email, "phone": phone}
        return int(self.pages.post("/bookings/new/", sent).status_code == 302)

    def by_admin(self, name: str, email: str, phone: str) -> int:
        contact = {"customer_name": name, "customer_email": email, "customer_phone": phone}
        sent = {**PLACE, **PARTY, **contact, "station": self.station.pk}
        return int(self.admin.post("/admin/bookings/booking/add/", sent).status_code == 302)

    def by_import(self, name: str, email: str, phone: str) -> int:
        header = "station,date,slot,customer_name,customer_email,customer_phone\n"
        row = f'kitchen,2031-03-07,18:00,{name},"{email}","{phone}"\n'
        return import_file(write(self.folder / "in.csv", header + row)).summary["created"]

    def book(self, *contact: str) -> list[int]:
        return [create(*contact) for create in (self.by_api, self.by_page, self.by_admin, self.by_import)]
