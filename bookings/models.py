"""Bookings, and the ledger of the places they hold."""

import json
import uuid
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.encryption import EncryptedTextField, KeyedHashField
from accounts.models import Customer, User
from bookings.contact_proposal import ContactProposal as ContactProposal  # Django finds it here
from bookings.mails.kinds import OPEN, Kind, Problem, State
from bookings.mails.standing import Standing
from bookings.operations.models import BackupRecord as BackupRecord
from bookings.operations.models import ClockReading as ClockReading
from bookings.operations.models import RetentionNotice as RetentionNotice
from bookings.operations.models import WorkerBeat as WorkerBeat
from bookings.querysets import BookingQuerySet, FeedQuerySet, HoldQuerySet, MailQuerySet, UndoStepQuerySet
from bookings.workflow import Status
from core import validators
from core.db import sql
from stations.models import MAX_PLACES, Station
from stations.querysets import OfStationQuerySet

MAX_CENTS = 1_000_000_000
MAX_SLOTS = 96


class Booking(models.Model):
    """A party at a station, a date and a slot, for one or more slots in a row.

    `date` and `slot` are the station's local time; `starts_at` and `ends_at` the instants they meant when it was placed.
    Only `bookings.services` and `bookings.timetables` write it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    station = models.ForeignKey(
        Station, models.PROTECT, related_name="bookings", verbose_name=_("station"), db_index=False
    )
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("customer"),
        db_index=False,
    )
    date = models.DateField(_("date"))
    slot = models.TimeField(_("slot"))
    slots = models.PositiveSmallIntegerField(
        _("slots"), default=1, validators=[MinValueValidator(1), MaxValueValidator(MAX_SLOTS)]
    )
    starts_at = models.DateTimeField(_("starts"), editable=False)
    ends_at = models.DateTimeField(_("ends"), editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.CONFIRMED)
    needs_place = models.BooleanField(_("needs a place"), default=False, editable=False)
    party_adults = models.PositiveSmallIntegerField(_("adults"), default=1, validators=[MaxValueValidator(MAX_PLACES)])
    party_kids = models.PositiveSmallIntegerField(_("children"), default=0, validators=[MaxValueValidator(MAX_PLACES)])
    total_due_cents = models.PositiveIntegerField(
        _("total, in cents or the currency's smallest unit"), default=0, validators=[MaxValueValidator(MAX_CENTS)]
    )
    deposit_due_cents = models.PositiveIntegerField(
        _("deposit, in cents or the currency's smallest unit"), default=0, validators=[MaxValueValidator(MAX_CENTS)]
    )
    special_requests = EncryptedTextField(
        _("wishes"), max_length=2000, null=True, blank=True, validators=[validators.plain_text]
    )
    requests_are_external = models.BooleanField(default=False, db_default=False, editable=False)
    """Whether another system wrote the special requests (API, import): emails to the customer do not repeat those."""
    source = models.CharField(_("source"), max_length=50, blank=True, default="", validators=[validators.plain_line])
    external_ref = models.CharField(
        _("external reference"), max_length=100, blank=True, default="", validators=[validators.plain_line]
    )
    organizer_name = models.TextField(blank=True, default="", db_default="", editable=False)
    organizer_email = models.TextField(blank=True, default="", db_default="", editable=False)
    """Who organizes the event in the customer's own calendar: the station as it first invited them, "" before that. Only
    `bookings.mails.organizers` fills it in, under no lock of a service's: so services leave it out of what they write."""
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        ordering = ["date", "slot", "created_at", "id"]
        default_permissions = ()
        # A key whose column leads one of these has no index of its own besides: planners would take it, and writers keep it.
        indexes = [
            models.Index(fields=["station", "date", "slot", "created_at"], name="booking_calendar_of_station"),
            models.Index(fields=["customer", "-starts_at"], name="booking_of_customer"),
            models.Index(fields=["station", "date"], condition=Q(needs_place=True), name="booking_displaced"),
            models.Index(fields=["station", "created_at", "id"], name="booking_by_creation"),
            models.Index(fields=["station", "updated_at", "id"], name="booking_by_change"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "external_ref"],
                condition=~Q(external_ref=""),
                name="booking_reference_once_a_station",
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="booking_status_known"),
            models.CheckConstraint(
                condition=Q(deposit_due_cents__lte=F("total_due_cents")), name="booking_deposit_within_total"
            ),
            models.CheckConstraint(
                condition=Q(party_adults__gte=1) | Q(party_kids__gte=1), name="booking_party_of_somebody"
            ),
            models.CheckConstraint(condition=Q(slots__gte=1), name="booking_takes_a_slot"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="booking_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(needs_place=False) | ~Q(status=Status.CANCELLED),
                name="booking_cancelled_needs_no_place",
            ),
        ]

    def __str__(self) -> str:
        return self.called(self.pk)

    @staticmethod
    def called(booking_id: uuid.UUID) -> str:
        """Never PII: admin history and audit trail keep this text."""
        return _("Booking %(id)s") % {"id": str(booking_id)[:8]}

    @property
    def total_guests(self) -> int:
        return self.party_adults + self.party_kids

    @property
    def balance_due_cents(self) -> int:
        return self.total_due_cents - self.deposit_due_cents


class Hold(models.Model):
    """A place in one slot that a booking takes: the ledger of capacity.

    Unique on (station, date, slot, lane) with the lane below the slot's capacity, so that the database itself refuses one
    party too many, whoever writes. Only `bookings.holds` writes it.
    """

    booking = models.ForeignKey(Booking, models.CASCADE, related_name="holds", db_index=False)
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    date = models.DateField()
    slot = models.TimeField()
    lane = models.PositiveSmallIntegerField()
    capacity = models.PositiveSmallIntegerField()
    """Of the slot, when the place was taken."""

    objects = HoldQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["station", "date", "slot", "lane"], name="hold_one_party_a_lane"),
            models.UniqueConstraint(fields=["booking", "slot"], name="hold_once_a_slot"),
            models.CheckConstraint(condition=Q(lane__gte=0, lane__lt=F("capacity")), name="hold_lane_below_capacity"),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.slot:%H:%M} #{self.lane}"


class ImportedRow(models.Model):
    """A row of a file that became a booking: enough to know it again, and nothing of what it said.

    Only `bookings.importing` writes it, in the transaction of the booking itself.
    """

    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    booking = models.ForeignKey(Booking, models.CASCADE, related_name="imported_rows")
    fingerprint = KeyedHashField(max_length=20)
    """The keyed hash under which the row is known again; see `bookings.importing.identity`."""
    content = KeyedHashField(max_length=400)
    """Keyed hashes of its fields as they were last imported, each by its field's name."""

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["station", "fingerprint"], name="imported_row_once_a_station"),
        ]

    def __str__(self) -> str:
        return f"{self.booking}"


class Feed(models.Model):
    """A calendar that other programs read, under a secret address. What it shows is what its person may see at that moment.

    Only a digest of the secret is kept. Only `bookings.feeds` writes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="feeds", verbose_name=_("person"))
    station = models.ForeignKey(
        Station, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("station")
    )
    """None for all stations of the person's."""
    details = models.BooleanField(_("with names and details"), default=False)
    language = models.CharField(_("language"), max_length=10)
    """That of whoever made it: programs that read name none, or the wrong one."""
    digest = models.BinaryField(_("secret address"), max_length=32, unique=True, editable=False)
    renewed_at = models.DateTimeField(_("address since"), default=timezone.now, editable=False)
    recorded_on = models.DateField(null=True, editable=False)
    """The latest day (UTC) of which the audit log says that its details were read."""
    ended_at = models.DateTimeField(null=True, editable=False)
    """When a backup was restored that may be older than the end of this address. A new address begins anew."""
    epoch = models.PositiveIntegerField(default=0, editable=False)
    """Its person's when it was made: in another one it is over."""

    objects = FeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")
        default_permissions = ()
        ordering = ["id"]

    def __str__(self) -> str:
        return _("Calendar feed %(id)s") % {"id": self.pk}


class Mail(models.Model):
    """What a customer is to hear of a booking, or has heard.

    `known` and `said` are a `Standing` each, as JSON: what the customer knew before, and what the mail tells. Personal data
    stands in `message` alone, encrypted: the whole mail, from the moment a worker takes it.
    Only `bookings.mails` writes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(
        Booking, models.CASCADE, related_name="mails", verbose_name=_("booking"), db_index=False
    )
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", verbose_name=_("station"), db_index=False)
    kind = models.CharField(_("about"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    problem = models.CharField(_("problem"), max_length=12, choices=Problem.choices, blank=True, default="")
    known: Any = models.JSONField(null=True, editable=False)
    said: Any = models.JSONField(null=True, editable=False)
    reminds_of = models.DateTimeField(null=True, editable=False)
    """The start that a reminder is about: nobody is reminded of the same twice."""
    message = EncryptedTextField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    due_at = models.DateTimeField(_("due"), editable=False)
    """When it may be taken: for one being sent, when its lease has run out."""
    lease = models.UUIDField(null=True, editable=False)
    """Whose attempt it is."""
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        default_permissions = ()
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=OPEN), name="mail_due"),
            models.Index(fields=["booking", "created_at"], name="mail_of_booking"),
            models.Index(fields=["station", "-created_at"], name="mail_latest_of_station"),
            models.Index(fields=["ended_at"], condition=Q(message__isnull=False), name="mail_kept"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(state=State.WAITING) & ~Q(kind=Kind.REMINDER),
                name="mail_one_waiting_a_booking",
            ),
            models.UniqueConstraint(fields=["booking", "reminds_of"], name="mail_one_reminder_a_start"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="mail_kind_known"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="mail_state_known"),
            models.CheckConstraint(
                condition=Q(kind=Kind.REMINDER, reminds_of__isnull=False)
                | (~Q(kind=Kind.REMINDER) & Q(reminds_of__isnull=True)),
                name="mail_reminder_of_a_start",
            ),
        ]

    def __str__(self) -> str:
        """Never PII, as for a booking."""
        return _("Mail %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def knows(self) -> Standing | None:
        return Standing.from_json(self.known) if self.known else None

    @property
    def says(self) -> Standing | None:
        return Standing.from_json(self.said) if self.said else None

    def wait(self, *, until: datetime, attempts: int, problem: Problem = Problem.NONE) -> None:
        """Nobody has heard it: it is written anew when it is taken again."""
        self.state, self.problem, self.due_at, self.attempts = State.WAITING, problem, until, attempts
        self.lease = self.message = self.said = self.ended_at = None
        self.save()

    def end(self, state: State, problem: Problem = Problem.NONE) -> None:
        self.state, self.problem, self.ended_at, self.lease = state, problem, timezone.now(), None
        sql.update(self, ["state", "problem", "ended_at", "lease"])


class CountedMail(models.Model):  # noqa: DJ008
    """That a mail went to somebody, for as long as it counts against the limits. Only `bookings.mails.limits` writes it."""

    mail = models.ForeignKey(Mail, models.CASCADE, related_name="+")
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    recipient = models.BinaryField(max_length=16)
    """A keyed hash of the mailbox, the same at every station."""
    handed_at = models.DateTimeField()

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["recipient", "-handed_at"], name="counted_mail_to_recipient"),
            models.Index(fields=["station", "-handed_at"], name="counted_mail_from_station"),
        ]


class UndoStep(models.Model):  # noqa: DJ008
    """A change that somebody made to a booking in a browser's session, kept for a short time so that they can undo and redo it.

    Only `bookings.undo` writes it. Erasing any of the customers concerned deletes it.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    stack = models.UUIDField(db_index=True)
    """The session's id for its steps; see `accounts.auth.undo_stack`."""
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    """Where the booking is once the step is done, or after it was undone."""
    booking = models.ForeignKey(Booking, models.CASCADE, related_name="undo_steps", db_index=False)
    event = models.CharField(max_length=11)
    """An `audit.Event`."""
    key = models.UUIDField(default=uuid.uuid4, null=True, editable=False)
    """What the changes are bound to. None where the release before wrote them."""
    changes = EncryptedTextField(bound_to="key")
    """`{field: [old, new]}` as JSON, personal data included."""
    version_before = models.PositiveIntegerField()
    """The booking's version that stands for its state before the step: the step can be redone in this version alone."""
    version_after = models.PositiveIntegerField()
    """The same for the state after the step: it can be undone in this version alone."""
    undone = models.BooleanField(default=False)
    customer_before = models.UUIDField(null=True)
    customer_after = models.UUIDField(null=True)
    """Keys of the customers whose data the changes hold."""
    known: Any = models.JSONField(null=True)
    """What the customer knew of the booking before the step: a `Standing`. None where the step did not concern them."""
    created_at = models.DateTimeField(default=timezone.now)

    objects = UndoStepQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    @cached_property
    def values(self) -> dict[str, tuple[Any, Any]]:
        """`{field: (old, new)}` in the fields' own types; `station_id` and `customer_id` are keys."""
        parsed: dict[str, list[Any]] = json.loads(self.changes)
        fields: dict[str, Any] = {name: Booking._meta.get_field(name) for name in parsed}
        return {name: (fields[name].to_python(old), fields[name].to_python(new)) for name, (old, new) in parsed.items()}

    def differs(self, name: str) -> bool:
        old, new = self.values.get(name, (None, None))
        return bool(old != new)
