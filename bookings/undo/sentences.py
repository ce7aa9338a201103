"""Sentences about a change that can be undone: its name, what was done, and what undoing or redoing it would do."""

from collections.abc import Callable
from datetime import date, time
from typing import Any, Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import customers
from accounts.audit.recorder import field_label
from bookings.audit import Event
from bookings.models import Booking, UndoStep
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import Status
from core import formats
from core.bidi import isolate
from core.dates import DAYS_A_WEEK
from stations.access import Person
from stations.models import Station
from stations.timetable import local_now

_CHANGES: Final[dict[str, Promise]] = {
    Event.CREATED: gettext_lazy("book %(who)s"),
    Event.EDITED: gettext_lazy("edit %(who)s"),
    Event.RESCHEDULED: gettext_lazy("move %(who)s"),
}


class Sentences:
    """Sentences about one step. Without the permission to see personal data, customers are initials."""

    def __init__(self, step: UndoStep, booking: Booking, person: Person) -> None:
        """`booking` is the booking of the step, loaded with its station and customer."""
        self._step, self._values, self._booking, self._person = step, step.values, booking, person
        self._who, self._country = who(booking, person), booking.station.country

    def name(self) -> str:
        """“move Nora Silva”, “cancel Leo Lindqvist”."""
        if self._step.event != Event.STATUS:
            text = _CHANGES[self._step.event]
        elif Status(self._values["status"][0]).facts.is_hidden:
            text = gettext_lazy("restore %(who)s")
        else:
            text = self._new_status.facts.verb
        return str(text) % {"who": self._who}

    def undo_label(self) -> str:
        """“Undo: move Nora Silva”."""
        return _("Undo: %(change)s") % {"change": self.name()}

    def redo_label(self) -> str:
        return _("Redo: %(change)s") % {"change": self.name()}

    def done(self) -> str:
        """“Nora Silva moved from 7 PM to 1 PM, Tue 1 Dec.”"""
        match self._step.event:
            case Event.CREATED:
                return self._booked()
            case Event.RESCHEDULED:
                return self._moved()
            case Event.STATUS:
                return reached(self._new_status, self._who, self._when())
            case _:
                return " ".join([f"{self._who}:", *self._differences(back=False)])

    def undone(self) -> str:
        """“Undone: George Abernathy is back at 9 PM, Sun 29 Nov.”"""
        names = {"who": self._who, "when": self._when()}
        match self._step.event:
            case Event.CREATED:
                return _("Undone: the booking of %(who)s, %(when)s, is cancelled.") % names
            case Event.RESCHEDULED if self._was_unassigned:
                return _("Undone: %(who)s is unassigned again.") % names
            case Event.RESCHEDULED:
                return _("Undone: %(who)s is back at %(when)s.") % (names | {"when": self._place(0)})
            case Event.STATUS:
                return str(Status(self._values["status"][0]).facts.undone) % names
            case _:
                changes = " ".join(self._differences(back=True))
                return _("Undone: %(who)s is as before. %(changes)s") % (names | {"changes": changes})

    def undo_question(self) -> str:
        """“Undo: move Lily Chen from 1 PM to 12 PM, Tue 16 Dec?”"""
        return self._question(gettext_lazy("Undo: %(change)s?"), back=True)

    def redo_question(self) -> str:
        return self._question(gettext_lazy("Redo: %(change)s?"), back=False)

    def _question(self, text: Promise, *, back: bool) -> str:
        """For a move from where to where the booking would go; for other changes the booking, and what would change."""
        if self._step.event != Event.RESCHEDULED:
            change = _("%(change)s, %(when)s") % {"change": self.name(), "when": self._when()}
            more = self._differences(back=back) if self._step.event == Event.EDITED else []
            return " ".join([str(text) % {"change": change}, *more])
        if self._was_unassigned:
            more = [_("The booking becomes unassigned again.")] if back else []
            route = _("move %(who)s to %(there)s") % {"who": self._who, "there": self._place(1)}
            return " ".join([str(text) % {"change": route}, *more])
        start, end = (1, 0) if back else (0, 1)
        route = _("move %(who)s from %(here)s to %(there)s")
        return str(text) % {
            "change": route % {"who": self._who, "here": self._start(start, end), "there": self._place(end)}
        }

    def _moved(self) -> str:
        unassigned = self._was_unassigned
        text = _("%(who)s moved to %(there)s.") if unassigned else _("%(who)s moved from %(here)s to %(there)s.")
        return text % {"who": self._who, "here": self._start(0, 1), "there": self._place(1)}

    def _booked(self) -> str:
        """“Booked: Nora Silva, 4 guests, Tue 8 PM.”, with the date if it is not one of the next seven days."""
        day, guests = self._values["date"][1], self._values["party_adults"][1] + self._values["party_kids"][1]
        ahead = (day - local_now(self._booking.station, timezone.now()).date()).days
        date_text = (
            formats.format_weekday(day) if 0 <= ahead < DAYS_A_WEEK else formats.format_short_date(day, self._country)
        )
        return _("Booked: %(who)s, %(guests)s, %(when)s.") % {
            "who": self._who,
            "guests": ngettext("%(n)d guest", "%(n)d guests", guests) % {"n": guests},
            "when": formats.format_datetime(date_text, self._values["slot"][1], self._country),
        }

    def _start(self, start: int, end: int) -> str:
        """The place before the move, without the date if that stays the same."""
        days, slots = self._values["date"], self._values["slot"]
        if days[start] == days[end] and not self._step.differs("station_id"):
            return formats.format_time(slots[start], self._country)
        return place(days[start], slots[start], self._country)

    def _place(self, side: int) -> str:
        """“1 PM, Tue 1 Dec”, with the station if the step changed it."""
        when = place(self._values["date"][side], self._values["slot"][side], self._country)
        if not self._step.differs("station_id"):
            return when
        station = Station.objects.visible_to(self._person).filter(pk=self._values["station_id"][side]).first()
        return _("%(when)s, %(station)s") % {
            "when": when,
            "station": isolate(station.name) if station else _("another station"),
        }

    def _when(self) -> str:
        return place(self._values["date"][1], self._values["slot"][1], self._country)

    @property
    def _was_unassigned(self) -> bool:
        """Whether the step moved an unassigned booking."""
        return bool(self._values.get("needs_place", (False, False))[0])

    @property
    def _new_status(self) -> Status:
        return Status(self._values["status"][1])

    def _differences(self, *, back: bool) -> list[str]:
        """“Party changed from 2 to 5.”: a sentence for each field that an edit, or with `back` undoing it, changes."""
        pairs = {name: (new, old) if back else (old, new) for name, (old, new) in self._values.items()}
        return [*_party(pairs), *self._fields(pairs)]

    def _fields(self, pairs: dict[str, tuple[Any, Any]]) -> list[str]:
        def money(cents: int) -> str:
            return formats.format_money(cents, self._booking.station.currency, self._country)

        describe: dict[str, Callable[[int], str]] = {
            "slots": str,
            "total_due_cents": money,
            "deposit_due_cents": money,
        }
        sentences = []
        for name in (*_LABELS, *_OTHERS):
            label = _LABELS.get(name) or capfirst(field_label(Booking, name))
            old, new = pairs.get(name, (None, None))
            if old != new and name in describe:
                sentences.append(_changed(label, describe[name](old), describe[name](new)))
            elif old != new:
                sentences.append(_("%(field)s changed.") % {"field": label})
        return sentences


_LABELS: Final[dict[str, Promise]] = {
    "slots": gettext_lazy("Number of slots"),
    "total_due_cents": gettext_lazy("Total"),
    "deposit_due_cents": gettext_lazy("Deposit"),
    "special_requests": gettext_lazy("Special requests"),
    "customer_id": gettext_lazy("Customer"),
    "source": gettext_lazy("Source"),
    "external_ref": gettext_lazy("Reference"),
}
_OTHERS: Final = [
    name for name in EDITABLE_FIELDS if name not in _LABELS and name not in ("party_adults", "party_kids")
]


def who(booking: Booking, person: Person) -> str:
    """The name of the customer as the person may see it, isolated for use in a sentence."""
    return isolate(customers.shown(booking.customer, person).display_name) if booking.customer else _("Walk-in")


def place(day: date, slot: time, country: str) -> str:
    """“1 PM, Tue 1 Dec”."""
    return _("%(time)s, %(day)s") % {
        "time": formats.format_time(slot, country),
        "day": formats.format_short_date(day, country),
    }


def reached(status: Status, name: str, when: str) -> str:
    """“Nora Silva has arrived.”"""
    return str(status.facts.done) % {"who": name, "when": when}


def _party(pairs: dict[str, tuple[Any, Any]]) -> list[str]:
    adults, kids = pairs["party_adults"], pairs["party_kids"]
    old, new = adults[0] + kids[0], adults[1] + kids[1]
    if old != new:
        return [_changed(_("Party"), str(old), str(new))]
    rows = [(_("Adults"), adults), (_("Children"), kids)]
    return [_changed(label, str(pair[0]), str(pair[1])) for label, pair in rows if pair[0] != pair[1]]


def _changed(field: str | Promise, old: str, new: str) -> str:
    return _("%(field)s changed from %(old)s to %(new)s.") % {"field": field, "old": old, "new": new}
