"""A club's real export, where CLUB_CSV names it: 4,044 rows into 9 stations of half-hour slots."""

import os
from datetime import date
from pathlib import Path

from django.test import Client

from bookings.models import Booking, Hold
from bookings.services.verification import differences
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file
from tests.factories import UserFactory

MAPPING = (
    *("--map", "external_ref=Booking no", "station=Facility", "date=Starts", "slot=Starts", "slots=Half hours"),
    *("customer_name=First name+Surname", "customer_phone=Telephone"),
    *("--date-format", "%Y-%m-%d %H:%M:%S", "--time-format", "%Y-%m-%d %H:%M:%S"),
    *("--create-stations", "--set", "minutes=30", "country=US"),
)

if "CLUB_CSV" in os.environ:

    def test_club_comes_in_whole_and_only_once(db: None) -> None:
        file = Path(os.environ["CLUB_CSV"])

        assert import_file(file, *MAPPING).summary == counts(created=4044)
        assert (Station.objects.count(), Hold.objects.count()) == (9, 9192)
        assert Booking.objects.filter(customer=None).count() == 883
        assert import_file(file, *MAPPING).summary == counts(unchanged=4044)
        assert not list(differences())

        client = Client()
        client.force_login(UserFactory(is_superuser=True))
        for station in Station.objects.all():
            answer = client.get("/calendar/month/", {"station": station.code, "date": "2012-07-15"})
            shown = Booking.objects.filter(station=station, date__range=(date(2012, 7, 1), date(2012, 8, 4))).count()
            assert answer.status_code == 200
            assert answer.content.count(b"data-booking-id=") == shown
