"""API keys and calendar feeds that were revoked since a backup do not work again after its restore."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.auth import api_keys, sessions
from accounts.models import ApiKey, AuditEntry, User
from bookings.icalendar import feeds
from bookings.models import Feed
from bookings.operations.backup import credentials
from stations.models import Station
from tests.bookings.importing.commands import run
from tests.bookings.operations.conftest import Elsewhere, is_empty, restore
from tests.factories import open_station, person


class Held(NamedTuple):
    """Somebody with an API key and a feed."""

    user: User
    key: str
    key_id: int
    feed: str
    feed_id: int

    def opens(self) -> tuple[int, int]:
        """What key and feed are answered."""
        by_key = Client().get("/api/stations/", headers={"Authorization": f"Bearer {self.key}"})
        by_feed = Client().get(f"/feeds/{self.feed}.ics")
        if by_feed.streaming:
            by_feed.getvalue()
        return by_key.status_code, by_feed.status_code


BOTH = (200, 200)
NEITHER = (401, 404)
Make = Callable[[], Held]


@pytest.fixture
def make(transactional_db: None) -> Make:
    station = open_station(code="kitchen")
    return lambda: held_at(station)


def held_at(station: Station) -> Held:
    user = person(roles.MANAGERS, station)
    rights = [roles.VIEW, roles.PII]
    key, text = api_keys.create(name="Shop", stations=[station], rights=rights, expires_on=None, by=user)
    feed, secret = feeds.create(station=None, details=True, by=user)
    return Held(user, text, key.pk, secret, feed.pk)


def backed_up(folder: Path) -> Path:
    assert run("backup", folder / "backup").status == 0
    return folder / "backup"


def test_restore_without_a_list_ends_all_keys_and_feeds_and_says_so(
    make: Make, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    revoked, other = make(), make()
    backup = backed_up(tmp_path)
    api_keys.revoke(revoked.key_id, by=revoked.user)
    feeds.revoke(revoked.feed_id, by=revoked.user)
    assert (revoked.opens(), other.opens()) == (NEITHER, BOTH)

    with elsewhere():
        done = restore(backup)

        assert done.status == 0
        assert (
            "Ended: 2 API keys and 2 calendar feeds. Still in use: 0. Their owners see it on their pages, and create new ones."
            in done.out.splitlines()
        )
        assert "--credentials FILE" in done.out
        assert (revoked.opens(), other.opens()) == (NEITHER, NEITHER)
        ended = AuditEntry.objects.filter(event="ended", content_type__model__in=["apikey", "feed"])
        assert sorted(ended.values_list("content_type__model", flat=True)) == ["apikey", "apikey", "feed", "feed"]
        assert run("verify_audit").status == 0


def revoke(held: Held) -> None:
    api_keys.revoke(held.key_id, by=held.user)
    feeds.revoke(held.feed_id, by=held.user)


def renew(held: Held) -> None:
    api_keys.revoke(held.key_id, by=held.user)
    feeds.renew(held.feed_id, by=held.user)


def end_everything(held: Held) -> None:
    sessions.revoke_access(held.user)


def leave(held: Held) -> None:
    User.objects.filter(pk=held.user.pk).update(is_active=False)


@pytest.mark.parametrize("end", [revoke, renew, end_everything, leave])
def test_restore_with_the_newest_list_ends_what_ended_since_and_keeps_the_rest(
    make: Make, elsewhere: Elsewhere, tmp_path: Path, end: Callable[[Held], None]
) -> None:
    gone, kept = make(), make()
    backup, newest = backed_up(tmp_path), tmp_path / "in-use"
    end(gone)
    assert run("credentials", "export", newest).status == 0

    with elsewhere():
        done = restore(backup, "--credentials", newest)

        assert "Ended: 1 API key and 1 calendar feed. Still in use: 2." in done.out
        assert (gone.opens(), kept.opens()) == (NEITHER, BOTH)


@pytest.mark.looks
def test_what_a_list_does_not_know_yet_ends(make: Make, elsewhere: Elsewhere, tmp_path: Path) -> None:
    run("credentials", "export", tmp_path / "in-use")
    made = make()
    backup = backed_up(tmp_path)

    with elsewhere():
        restore(backup, "--credentials", tmp_path / "in-use")

        assert made.opens() == NEITHER


@pytest.mark.looks
@pytest.mark.parametrize(
    "line",
    [
        "x",
        "{}",
        "[]",
        '{"kind": "api_key", "digest": "00"}',
        '{"kind": "door", "digest": "' + "0" * 64 + '"}',
        '{"kind": 1}',
    ],
)
def test_list_that_is_none_restores_nothing(make: Make, elsewhere: Elsewhere, tmp_path: Path, line: str) -> None:
    backup = backed_up(tmp_path)
    (tmp_path / "in-use").write_text(f"\n{line}\n")

    with elsewhere():
        done = restore(backup, "--credentials", tmp_path / "in-use")

        assert done.status == 1
        assert "Line 2 of" in done.err
        assert is_empty()


@pytest.mark.looks
def test_list_holds_nothing_that_opens_anything(make: Make, tmp_path: Path) -> None:
    held = make()

    run("credentials", "export", tmp_path / "in-use")

    text = (tmp_path / "in-use").read_text()
    assert [*map(str, credentials.in_use())] == [str(credentials.Credential.read(line)) for line in text.splitlines()]
    assert len(text.splitlines()) == 2
    assert [
        secret for secret in (held.key, held.key.removeprefix("sb_"), held.feed, held.user.email) if secret in text
    ] == []


@pytest.mark.looks
def test_keys_and_feeds_are_ended_after_a_restore_by_other_means(make: Make, tmp_path: Path) -> None:
    one, other = make(), make()
    (tmp_path / "in-use").write_text("".join(found.line() for found in credentials.in_use()))
    api_keys.revoke(one.key_id, by=one.user)
    three = make()

    kept = run("credentials", "end", "--keep", tmp_path / "in-use")
    assert kept.out.strip() == "Ended: 1 API key and 1 calendar feed. Still in use: 3."
    assert (other.opens(), three.opens()) == (BOTH, NEITHER)

    assert run("credentials", "end").out.strip() == "Ended: 1 API key and 2 calendar feeds. Still in use: 0."
    assert other.opens() == NEITHER


def page_of(held: Held, address: str) -> tuple[Client, str]:
    client = Client()
    client.force_login(held.user)
    return client, client.get(address).content.decode()


@pytest.mark.looks
def test_owner_of_an_ended_key_is_told_and_removes_it(make: Make) -> None:
    held = make()
    run("credentials", "end")

    client, page = page_of(held, "/accounts/me/keys/")

    assert "when a backup was restored. Create a new key if you still need it." in " ".join(page.split())
    assert "Remove" in page
    client.post(f"/accounts/me/keys/{held.key_id}/revoke/")
    assert not ApiKey.objects.exists()


@pytest.mark.looks
def test_owner_of_an_ended_feed_is_told_and_gets_a_new_address(make: Make) -> None:
    held = make()
    run("credentials", "end")

    client, page = page_of(held, "/feeds/")

    assert "when a backup was restored. Choose “New address” if you still need it." in " ".join(page.split())
    context: Any = client.post(f"/feeds/{held.feed_id}/renew/").context
    assert context["new_feed"]["ended"] == ""
    secret = context["address"].rpartition("/")[2].removesuffix(".ics")
    assert held._replace(feed=secret).opens() == (401, 200)
    assert held.opens() == NEITHER


@pytest.mark.looks
def test_ended_ones_go_from_the_page_with_everything_else(make: Make) -> None:
    held = make()
    run("credentials", "end")

    sessions.revoke_access(held.user)

    assert not ApiKey.objects.visible_to(held.user).exists()
    assert not Feed.objects.visible_to(held.user).exists()


@pytest.mark.looks
def test_key_past_its_last_day_is_not_in_use(make: Make) -> None:
    make()
    ApiKey.objects.update(expires_on=timezone.now().date().replace(year=2020, day=1))

    assert [one.kind for one in credentials.in_use()] == [credentials.Kind.FEED]
