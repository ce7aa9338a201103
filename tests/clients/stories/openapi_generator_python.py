"""A story told by the client that openapi-generator makes for Python: ADDRESS EMAIL PASSWORD."""

import json
import sys
from datetime import date
from urllib.parse import parse_qs, urlsplit

import stationbook
from stationbook import (
    ApiClient,
    ApiException,
    AuthApi,
    BookingsApi,
    BookingStatus,
    Configuration,
    CustomersApi,
    StationsApi,
)

address, email, password = sys.argv[1:]
configuration = Configuration(host=address)
client = ApiClient(configuration)
tokens = AuthApi(client).sign_in(stationbook.LoginBody(email=email, password=password)).data
configuration.access_token = tokens.access
bookings = BookingsApi(client)

friday = date(2031, 3, 7)
slots = StationsApi(client).list_slots("kitchen", date_from=friday, date_to=friday).data
free = next(slot for slot in slots if slot.left)
ana = stationbook.ContactBody(name="Ana García", email="ana@example.com", phone="+12025550143")
made = bookings.create_booking(
    stationbook.CreateBody(station="kitchen", date=friday, slot=free.slot, party_adults=2, customer=ana)
).data
booking_id = str(made.booking_id)
place = stationbook.RescheduleBody(date=date(2031, 3, 8), slot="19:00")
moved = bookings.reschedule_booking(booking_id, place, if_match='"1"').data
try:
    bookings.reschedule_booking(booking_id, place, if_match='"1"')
    stale = [200, ""]
except ApiException as refusal:
    stale = [refusal.status, refusal.data.code, refusal.data.data.version]
steps = [
    bookings.change_booking_status(booking_id, stationbook.StatusBody(status=status)).data.status.value
    for status in (BookingStatus.CONFIRMED, BookingStatus.CANCELLED)
]
edited = bookings.edit_booking(booking_id, edit_body=stationbook.EditBody(party_kids=1, special_requests=None)).data
listed, cursor = [], None
while True:
    page = bookings.list_bookings(
        sort="created",
        limit=2,
        station=["kitchen"],
        status=[BookingStatus.CANCELLED, BookingStatus.CONFIRMED],
        cursor=cursor,
    )
    listed += [str(row.booking_id) for row in page.data]
    if page.next is None:
        break
    cursor = parse_qs(urlsplit(page.next).query)["cursor"][0]
found = CustomersApi(client).search_customers(stationbook.SearchBody(q="gar")).data
AuthApi(client).sign_out(stationbook.RefreshBody(refresh=tokens.refresh))
told = {"booking": booking_id, "moved": moved.version, "stale": stale, "steps": steps, "guests": edited.total_guests}
print(json.dumps({**told, "listed": listed, "found": [one.name for one in found]}))
