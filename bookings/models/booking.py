"""The models of bookings and of the places that they hold."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.encryption import EncryptedTextField
from accounts.models import Customer
from bookings.models.querysets import BookingQuerySet, HoldQuerySet
from bookings.models.status import Places, Status
from core import validators
from core.limits import MAX_CENTS, MAX_NOTES, MAX_PLACES, MAX_REFERENCE, MAX_SLOTS, MAX_SOURCE
from stations.models import Station


class Booking(models.Model):
    """A party at a station, date and slot, for one or more consecutive slots.

    `date` and `slot` are local time of the station; `starts_at` and `ends_at` are the instants that they stood for when the
    booking was placed. Only `bookings.services` and `bookings.undo` write it.
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
    needs_place = models.BooleanField(_("unassigned"), default=False, editable=False)
    party_adults = models.PositiveSmallIntegerField(_("adults"), default=1, validators=[MaxValueValidator(MAX_PLACES)])
    party_kids = models.PositiveSmallIntegerField(_("children"), default=0, validators=[MaxValueValidator(MAX_PLACES)])
    total_due_cents = models.PositiveIntegerField(
        _("total, in cents or the currency's smallest unit"), default=0, validators=[MaxValueValidator(MAX_CENTS)]
    )
    deposit_due_cents = models.PositiveIntegerField(
        _("deposit, in cents or the currency's smallest unit"), default=0, validators=[MaxValueValidator(MAX_CENTS)]
    )
    special_requests = EncryptedTextField(
        _("special requests"), max_length=MAX_NOTES, null=True, blank=True, validators=[validators.plain_text]
    )
    requests_are_external = models.BooleanField(default=False, db_default=False, editable=False)
    """Whether the special requests came by API or import. Emails to the customer do not repeat those."""
    source = models.CharField(
        _("source"), max_length=MAX_SOURCE, blank=True, default="", validators=[validators.plain_line]
    )
    external_ref = models.CharField(
        _("external reference"), max_length=MAX_REFERENCE, blank=True, default="", validators=[validators.plain_line]
    )
    organizer_name = models.TextField(blank=True, default="", db_default="", editable=False)
    organizer_email = models.TextField(blank=True, default="", db_default="", editable=False)
    """The organizer of the event in the customer's calendar: the station as of the first invitation, "" before. Written only by
    `bookings.mails.organizers`, without the services' lock, so the services never write it."""
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        ordering = ["date", "slot", "created_at", "id"]
        default_permissions = ()
        # Foreign keys that lead one of these have no index of their own: it would cost every write and could mislead the planner.
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
        return self.name_of(self.pk)

    @staticmethod
    def name_of(booking_id: uuid.UUID) -> str:
        """No personal data: the admin's history and the audit log keep this text."""
        return _("Booking %(id)s") % {"id": str(booking_id)[:8]}

    @property
    def places(self) -> Places:
        """Which of its slots the booking takes a place in."""
        return Places.NONE if self.needs_place else Status(self.status).facts.places

    @property
    def total_guests(self) -> int:
        return self.party_adults + self.party_kids

    @property
    def balance_due_cents(self) -> int:
        return self.total_due_cents - self.deposit_due_cents


class Hold(models.Model):
    """A place in one slot that a booking takes; all of them are the ledger of capacity.

    Unique on (station, date, slot, lane), with the lane below the slot's capacity, so that the database itself refuses one party
    too many. Only `bookings.services.capacity` writes it.
    """

    booking = models.ForeignKey(Booking, models.CASCADE, related_name="holds", db_index=False)
    station = models.ForeignKey(Station, models.PROTECT, related_name="+", db_index=False)
    date = models.DateField()
    slot = models.TimeField()
    lane = models.PositiveSmallIntegerField()
    capacity = models.PositiveSmallIntegerField()
    """Capacity of the slot when the place was taken."""

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
