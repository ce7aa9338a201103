"""The models of emails to customers, and of those that count against the limits."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.encryption import EncryptedTextField
from bookings.models.booking import Booking
from bookings.models.contact_proposal import ContactProposal as ContactProposal  # Django finds it here
from bookings.models.mail_state import OPEN, BookingSnapshot, Kind, Problem, State
from bookings.models.operations import BackupRecord as BackupRecord
from bookings.models.operations import ClockReading as ClockReading
from bookings.models.operations import RetentionNotice as RetentionNotice
from bookings.models.operations import WorkerBeat as WorkerBeat
from bookings.models.querysets import MailQuerySet
from core.db import sql
from stations.models import Station
from stations.querysets import OfStationQuerySet


class Mail(models.Model):
    """An email about a booking, waiting or sent: a row of the outbox.

    `known` and `said` are states of the booking as JSON: what the customer knew before, and what the email says. Personal data is
    in `message` alone, encrypted: the whole email, from the moment a worker takes it.
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
    """The start that a reminder is about: each is sent once."""
    message = EncryptedTextField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    due_at = models.DateTimeField(_("due"), editable=False)
    """When a worker may take it; for one being sent, when its lease expires."""
    lease = models.UUIDField(null=True, editable=False)
    """Identifies the attempt that is under way."""
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name = _("email")
        verbose_name_plural = _("emails")
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
        """No personal data, as for a booking."""
        return _("Email %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def known_state(self) -> BookingSnapshot | None:
        """What the customer knew of the booking before this email; None for nothing."""
        return BookingSnapshot.from_json(self.known) if self.known else None

    @property
    def announced_state(self) -> BookingSnapshot | None:
        """What this email says of the booking; None until it is written."""
        return BookingSnapshot.from_json(self.said) if self.said else None

    def wait(self, *, until: datetime, attempts: int, problem: Problem = Problem.NONE) -> None:
        """Put it back into the queue; its text is rendered again when a worker takes it."""
        self.state, self.problem, self.due_at, self.attempts = State.WAITING, problem, until, attempts
        self.lease = self.message = self.said = self.ended_at = None
        self.save()

    def end(self, state: State, problem: Problem = Problem.NONE) -> None:
        self.state, self.problem, self.ended_at, self.lease = state, problem, timezone.now(), None
        sql.update(self, ["state", "problem", "ended_at", "lease"])


class CountedMail(models.Model):  # noqa: DJ008
    """An email that counts against the limits of a recipient and a station. Only `bookings.mails.limits` writes it."""

    mail = models.ForeignKey(Mail, models.CASCADE, related_name="+")
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    recipient = models.BinaryField(max_length=16)
    """A keyed hash of the mailbox, equal at all stations."""
    handed_at = models.DateTimeField()

    objects = OfStationQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["recipient", "-handed_at"], name="counted_mail_to_recipient"),
            models.Index(fields=["station", "-handed_at"], name="counted_mail_from_station"),
        ]
