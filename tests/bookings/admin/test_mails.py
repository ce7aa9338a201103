"""Mails in the admin: those of the manager's stations, to be read, sent anew or not at all, and never to be written."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import roles
from accounts.customers import Contact
from accounts.models import AuditEntry, User
from bookings import services
from bookings.mails import delivery, outbox
from bookings.models import Booking, Mail
from bookings.models.mail_state import Kind, Problem, State
from bookings.services import mail_choices
from core.mail.smtp import Outcome
from stations.models import Station
from tests.bookings.admin.conftest import SignIn
from tests.factories import FRIDAY, SATURDAY, booking, open_station

pytestmark = pytest.mark.looks

MAILS = "/admin/bookings/mail/"
ANA = Contact("Ana García", "ana@example.com", "+49 30 901820")
BO = Contact("Bo Li", "bo@example.com", "+49 30 901821")


def told(station: Station, customer: Contact = ANA, **fields: Any) -> Booking:
    """A booking whose customer is to hear of it."""
    made = booking(station, customer=customer, **fields)
    outbox.queue_created([made])
    return made


def mail_of(made: Booking) -> Mail:
    return Mail.objects.get(booking=made.pk)


def page(made: Booking) -> str:
    return f"{MAILS}{mail_of(made).pk}/change/"


def rows(admin: Client, **query: Any) -> str:
    """What stands in the list, without its filters."""
    return admin.get(MAILS, query).content.decode().partition("<tbody>")[2].partition("</tbody>")[0]


def choose(admin: Client, action: str, *made: Booking) -> str:
    chosen = {"action": action, "_selected_action": [str(mail_of(one).pk) for one in made]}
    return admin.post(MAILS, chosen, follow=True).content.decode()


def states(*made: Booking) -> list[str]:
    return [mail_of(one).state for one in made]


def test_list_tells_what_became_of_each_mail_of_the_managers_stations(admin: Client, station: Station) -> None:
    mine, theirs = told(station), told(open_station(), BO)
    mail_of(mine).end(State.UNREACHED, Problem.BOUNCED)

    shown = rows(admin)

    told_of_mine = (
        "Booking made",
        "no email: please call",
        "email address does not work",
        str(mine),
        "Ana García",
        "Kitchen",
    )
    assert [word for word in told_of_mine if word not in shown] == []
    assert f'href="/admin/bookings/booking/{mine.pk}/change/"' in shown
    assert [word for word in (str(theirs), "Bo Li") if word in shown] == []


def test_list_has_the_latest_first_by_the_stations_clock(admin: Client, station: Station) -> None:
    for made, at in ((told(station), "2026-07-01T21:59:30Z"), (told(station, BO), "2026-07-01T22:01:30Z")):
        Mail.objects.filter(booking=made.pk).update(created_at=at)

    shown = rows(admin)

    assert [shown.index("Thu 2 Jul 2026 00:01"), shown.index("Wed 1 Jul 2026 23:59")] == sorted(
        [shown.index("Thu 2 Jul 2026 00:01"), shown.index("Wed 1 Jul 2026 23:59")]
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state__exact": "failed"}, [True, False]),
        ({"state__exact": "waiting"}, [False, True]),
        ({"kind__exact": "made"}, [True, True]),
        ({"kind__exact": "moved"}, [False, False]),
        ({"station": "kitchen"}, [True, True]),
        ({"station": "elsewhere"}, [False, False]),
        ({"created_at__gte": "2030-01-01 00:00:00+00:00"}, [False, False]),
        ({"q": "FIRST"}, [True, False]),
        ({"q": "ana@example.com"}, [True, False]),
        ({"q": "+49 30 901821"}, [False, True]),
        ({"q": "1820"}, [True, False]),
        ({"q": "garc"}, [True, False]),
        ({"q": "bo li"}, [False, True]),
        ({"q": "nobody"}, [False, False]),
    ],
    ids=str,
)
def test_list_is_filtered_and_searched(
    admin: Client, station: Station, query: dict[str, str], found: list[bool]
) -> None:
    open_station(code="elsewhere")
    one, other = told(station, external_ref="FIRST"), told(station, BO)
    mail_of(one).end(State.FAILED, Problem.REFUSED)

    shown = rows(admin, **query)

    assert [str(made) in shown for made in (one, other)] == found


def test_list_is_searched_by_a_bookings_id_or_as_much_of_it_as_lists_show(admin: Client, station: Station) -> None:
    one, other, theirs = told(station), told(station, BO), told(open_station())

    found = {
        q: [str(made) in rows(admin, q=q) for made in (one, other)] for q in (str(one.pk), str(one.pk)[:8].upper())
    }

    assert list(found.values()) == [[True, False], [True, False]]
    assert rows(admin, q=str(theirs.pk)) == ""


def test_mails_are_nobodys_to_write(admin: Client, station: Station) -> None:
    made = told(station)
    one = f"{MAILS}{mail_of(made).pk}/"

    before = Mail.objects.values().get()
    asked = [
        admin.post(f"{one}change/", {"state": "sent"}),
        admin.get(f"{MAILS}add/"),
        admin.post(f"{MAILS}add/", {}),
        admin.post(f"{one}delete/", {"post": "yes"}),
    ]
    choose(admin, "delete_selected", made)

    assert [answer.status_code for answer in asked] == [403, 403, 403, 403]
    assert Mail.objects.values().get() == before


def test_mails_of_others_are_not_there(admin: Client) -> None:
    theirs = told(open_station(), BO)

    assert [admin.get(f"{MAILS}{mail_of(theirs).pk}/{name}/").status_code for name in ("change", "history")] == [
        404,
        404,
    ]
    choose(admin, "withhold", theirs)
    assert states(theirs) == [State.WAITING]


def test_page_shows_what_will_be_said_and_what_was(admin: Client, station: Station) -> None:
    made = told(station)
    before = admin.get(page(made)).content.decode()
    taken = delivery.lease_next(timezone.now())
    assert taken
    delivery.settle(taken[0], Outcome.SENT, timezone.now())
    services.edit(made.pk, {"customer": BO}, by=roles.OPERATOR)
    Mail.objects.filter(state=State.WAITING).delete()

    after = admin.get(page(made)).content.decode()

    for shown in (before, after):
        assert "<strong>Your booking at Kitchen: Friday 7 March 2031, 18:00</strong>" in shown
        assert "<p>Hello Ana García,</p>" in shown
    assert ("no mail server is configured" in before, "Sent " in after) == (True, True)


def test_page_of_a_mail_long_sent_says_that_its_text_is_gone(admin: Client, station: Station) -> None:
    made = told(station)
    mail_of(made).end(State.SENT)

    assert "Its text has been deleted." in admin.get(page(made)).content.decode()


def test_page_offers_what_can_be_chosen_now(admin: Client, station: Station) -> None:
    made = told(station)

    def offered() -> list[str]:
        shown = admin.get(page(made)).content.decode()
        return [name for name in ("send_now", "send_again", "withhold") if f'name="action" value="{name}"' in shown]

    waiting = offered()
    mail_of(made).end(State.FAILED, Problem.REFUSED)
    failed = offered()
    mail_of(made).end(State.SENT)

    assert (waiting, failed, offered()) == (["send_now", "withhold"], ["send_again", "withhold"], [])


def test_page_of_a_mail_tells_its_bookings_story(admin: Client, station: Station, manager: User) -> None:
    made = told(station)
    mail_choices.withhold(mail_of(made).pk, by=manager)

    shown = admin.get(f"{MAILS}{mail_of(made).pk}/history/").content.decode()

    assert "No email: the customer already knows (Booking made)" in shown


@pytest.mark.parametrize(
    ("action", "state", "then", "said"),
    [
        ("send_now", State.WAITING, State.WAITING, "1 email is being sent now."),
        ("send_again", State.FAILED, State.WAITING, "1 email will be sent again."),
        ("send_again", State.UNREACHED, State.WAITING, "1 email will be sent again."),
        ("withhold", State.WAITING, State.WITHHELD, "1 email will not be sent."),
        ("withhold", State.FAILED, State.WITHHELD, "1 email will not be sent."),
    ],
)
def test_action_goes_through_the_outbox(
    admin: Client, station: Station, manager: User, action: str, state: State, then: State, said: str
) -> None:
    made = told(station)
    Mail.objects.update(state=state, due_at=timezone.now() + timedelta(hours=1))

    shown = choose(admin, action, made)

    mail = mail_of(made)
    assert (said in shown, mail.state) == (True, then)
    assert then != State.WAITING or mail.due_at <= timezone.now()
    entry = AuditEntry.objects.filter(object_pk=made.pk).latest("id")
    assert (entry.actor, entry.channel, entry.changes) == (manager, "admin", {"mail": [None, "made"]})


def test_action_names_the_mails_that_it_comes_too_late_for(admin: Client, station: Station) -> None:
    waiting, sent = told(station), told(station, BO)
    mail_of(sent).end(State.SENT)

    shown = choose(admin, "withhold", waiting, sent)

    assert states(waiting, sent) == [State.WITHHELD, State.SENT]
    assert f"{mail_of(sent)}: This email has changed in the meantime." in shown
    assert "1 email will not be sent." in shown


def test_action_counts_what_it_does_not_name(admin: Client, station: Station) -> None:
    made = told(station)
    row = {"booking": made, "station": station, "kind": Kind.MADE, "state": State.SENT, "due_at": timezone.now()}
    sent = Mail.objects.bulk_create(Mail(**row) for _n in range(22))

    chosen = {"action": "withhold", "_selected_action": [str(mail.pk) for mail in sent]}
    shown = admin.post(MAILS, chosen, follow=True).content.decode()

    assert (shown.count("has changed in the meantime"), "2 more were refused." in shown) == (20, True)


def test_mails_take_the_right_to_see_bookings_and_choices_that_to_change_them(
    admin_with: SignIn, station: Station
) -> None:
    made = told(station)
    admin = admin_with(roles.VIEW)

    shown = admin.get(page(made)).content.decode()
    choose(admin, "withhold", made)

    assert ('value="withhold"' in shown, "Send now" in admin.get(MAILS).content.decode()) == (False, False)
    assert states(made) == [State.WAITING]


def test_somebody_without_the_right_to_personal_data_reads_no_mail(admin_with: SignIn, station: Station) -> None:
    blind = admin_with(roles.VIEW, roles.CHANGE)
    made = told(station, special_requests="Nuts!")
    assert delivery.lease_next(timezone.now())
    addresses = (MAILS, f"{MAILS}?q=garc", page(made), f"{MAILS}{mail_of(made).pk}/history/")

    pages = [blind.get(address).content.decode() for address in addresses]

    assert [word for word in ("García", "ana@example.com", "901820", "Nuts!") for one in pages if word in one] == []
    assert "A. G." in pages[0]
    assert "<tbody>" not in pages[1]
    assert "need permission to see personal data" in pages[2]


def test_booking_that_has_gone_elsewhere_is_followed_no_further_than_the_door(admin: Client, station: Station) -> None:
    open_station(code="court", name="Court")
    made = told(station, external_ref="GONE")
    assert delivery.lease_next(timezone.now())
    services.reschedule(made.pk, to=services.Place(SATURDAY, made.slot, "court"), by=roles.OPERATOR)
    sent = Mail.objects.get(station=station)
    sent.end(State.SENT)
    one = f"{MAILS}{sent.pk}/"

    shown = [rows(admin), *(admin.get(f"{one}{name}/").content.decode() for name in ("change", "history"))]

    assert str(made) in shown[0]
    assert "has moved to another station" in shown[1]
    known = ("Ana García", "Court", "8 Mar", "Saturday", f"/admin/bookings/booking/{made.pk}/")
    assert [word for word in known for part in shown if word in part] == []
    assert [q for q in ("GONE", str(made.pk), "garc") if str(made) in rows(admin, q=q)] == []


def test_list_costs_the_same_for_one_mail_and_for_many(admin: Client, station: Station) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert "Booking made" in rows(admin)
        return len(asked)

    told(station)
    cost()
    few = cost()
    for n in range(2):
        told(station, Contact(f"Ana Number{n}", f"ana{n}@example.com"), day=SATURDAY)

    assert cost() == few


def test_hostile_words_are_escaped_in_a_mail(admin: Client, station: Station) -> None:
    hostile = "<script>alert(1)</script>"
    Station.objects.update(mail_signature=hostile)
    made = told(station, Contact(hostile, "x@example.com"), special_requests=hostile)
    before = admin.get(page(made)).content.decode()
    assert delivery.lease_next(timezone.now())

    after = admin.get(page(made)).content.decode()

    assert [shown.count("<script>alert") for shown in (before, after)] == [0, 0]
    assert [shown.count("&lt;script&gt;alert") >= 3 for shown in (before, after)] == [True, True]


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_mail_can_be_looked_at(admin: Client, station: Station, kind: Kind) -> None:
    made = told(station)
    known = {**mail_of(made).__dict__}["known"]
    Mail.objects.update(kind=kind, known=known, reminds_of=made.starts_at if kind == Kind.REMINDER else None)

    assert admin.get(page(made)).status_code == 200
    assert made.date == FRIDAY
