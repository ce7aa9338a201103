"""A story told by the client that openapi-python-client makes: ADDRESS EMAIL PASSWORD."""

import json
import sys
from datetime import date
from urllib.parse import parse_qs, urlsplit

from stationbook import AuthenticatedClient, Client
from stationbook.api.auth import sign_in, sign_out
from stationbook.api.bookings import (
    change_booking_status,
    create_booking,
    edit_booking,
    list_bookings,
    reschedule_booking,
)
from stationbook.api.customers import search_customers
from stationbook.api.stations import list_slots
from stationbook.models import (
    BookingStatus,
    ContactBody,
    CreateBody,
    EditBody,
    ListBookingsSort,
    LoginBody,
    RefreshBody,
    RescheduleBody,
    SearchBody,
    StatusBody,
)
from stationbook.types import UNSET

address, email, password = sys.argv[1:]
tokens = sign_in.sync(client=Client(base_url=address), body=LoginBody(email=email, password=password)).data
client = AuthenticatedClient(base_url=address, token=tokens.access)

friday = date(2031, 3, 7)
slots = list_slots.sync("kitchen", client=client, date_from=friday, date_to=friday).data
free = next(slot for slot in slots if slot.left)
ana = ContactBody(name="Ana García", email="ana@example.com", phone="+12025550143")
body = CreateBody(station="kitchen", date=friday, slot=free.slot, party_adults=2, customer=ana)
made = create_booking.sync(client=client, body=body).data
booking_id = str(made.booking_id)
place = RescheduleBody(date=date(2031, 3, 8), slot="19:00")
moved = reschedule_booking.sync(booking_id, client=client, body=place, if_match='"1"').data
refusal = reschedule_booking.sync_detailed(booking_id, client=client, body=place, if_match='"1"')
stale = [refusal.status_code.value, refusal.parsed.code, refusal.parsed.data.version]
steps = [
    change_booking_status.sync(booking_id, client=client, body=StatusBody(status=status)).data.status.value
    for status in (BookingStatus.CONFIRMED, BookingStatus.CANCELLED)
]
change = EditBody(party_kids=1, special_requests=None)
edited = edit_booking.sync(booking_id, client=client, body=change).data
listed, cursor = [], UNSET
while True:
    page = list_bookings.sync(
        client=client,
        sort=ListBookingsSort.CREATED,
        limit=2,
        station=["kitchen"],
        status=[BookingStatus.CANCELLED, BookingStatus.CONFIRMED],
        cursor=cursor,
    )
    listed += [str(row.booking_id) for row in page.data]
    if page.next_ is None:
        break
    cursor = parse_qs(urlsplit(page.next_).query)["cursor"][0]
found = search_customers.sync(client=client, body=SearchBody(q="gar")).data
sign_out.sync(client=client, body=RefreshBody(refresh=tokens.refresh))
told = {"booking": booking_id, "moved": moved.version, "stale": stale, "steps": steps, "guests": edited.total_guests}
print(json.dumps({**told, "listed": listed, "found": [one.name for one in found]}))
