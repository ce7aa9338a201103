"""Pages fill moulds: what is filled in is text, whatever it looks like, and a mould is made once for all that look alike."""

import re

from django.test import Client

from accounts.customers import Contact
from bookings import moulds
from stations.models import Station
from tests.factories import FRIDAY, booking

WEEK = f"/calendar/week/?station=kitchen&date={FRIDAY}"


def names(client: Client) -> list[str]:
    return re.findall(r'class="name">([^<]*)</span>', client.get(WEEK).content.decode())


def test_mould_takes_a_name_for_a_name(client: Client, staff: object, station: Station) -> None:
    client.force_login(staff)  # type: ignore[arg-type]
    booking(station, customer=Contact(f"\ue000date\ue001 {moulds.ID} <b>&"))

    assert names(client) == [f"\ue000date\ue001 {moulds.ID} &lt;b&gt;&amp;"]


def test_mould_is_made_once_for_cards_that_look_alike(client: Client, staff: object, station: Station) -> None:
    client.force_login(staff)  # type: ignore[arg-type]
    booking(station, customer=Contact("Ana García"))
    client.get(WEEK)
    before = moulds._mould.cache_info().misses

    booking(station, customer=Contact("Bo Li"))

    assert names(client) == ["Ana García", "Bo Li"]
    assert moulds._mould.cache_info().misses == before
