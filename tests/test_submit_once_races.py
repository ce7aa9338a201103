"""Forms that make something, sent twice at once: one is made, and both answers lead to it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings

from tests.test_access import MAILS, World, new_world
from tests.test_submit_once import BY_OTHERS, MAKERS, Found, again, found_on, landing, signed_in, tables, typed


@pytest.mark.race
@pytest.mark.usefixtures("transactional_db")
def test_form_sent_twice_at_once_makes_one_thing() -> None:
    world, wrong = new_world(), {}
    with override_settings(**MAILS):
        for name, route in MAKERS.items():
            browser = signed_in(world.people[BY_OTHERS.get(name, "root")])
            page = world.address(route) + world.query("GET", route)
            [found, *_more] = [one for one in found_on(browser, page) if one.name == name]
            alone = growth_alone(world, browser, found)
            before = tables()
            first, second = send_at_once(world, browser, found)
            if growth(before) != alone or first != second:
                wrong[name] = growth(before), alone, first, second

    assert wrong == {}


def growth(before: dict[str, list[str]]) -> dict[str, int]:
    """How many rows more there are of each table."""
    return {name: len(rows) - len(before[name]) for name, rows in tables().items() if len(rows) != len(before[name])}


def growth_alone(world: World, browser: Client, found: Found) -> dict[str, int]:
    """The same after the form was sent once, which is undone."""
    with transaction.atomic():
        before = tables()
        again(browser).post(found.address, typed(world, found))
        grown = growth(before)
        transaction.set_rollback(True)
    assert grown
    return grown


def send_at_once(world: World, browser: Client, found: Found) -> list[tuple[int, str]]:
    """Where two answers lead whose requests began together."""
    start, sent = Barrier(2), typed(world, found)

    def send() -> tuple[int, str]:
        own = again(browser)
        start.wait()
        try:
            return landing(own, own.post(found.address, sent))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return [sending.result() for sending in [pool.submit(send), pool.submit(send)]]
