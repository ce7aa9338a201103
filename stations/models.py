"""Stations and their timetables."""

from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core import validators
from core.dates import MINUTES_A_DAY
from core.limits import MAX_NAME, MAX_PHONE, MAX_PLACES
from stations.querysets import OfStationQuerySet, StationQuerySet

MAX_REMINDER_HOURS = 14 * 24
MAX_RETENTION_MONTHS = 50 * 12


class Weekday(models.IntegerChoices):
    """Numbered as in `date.weekday()`."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class Versions(NamedTuple):
    """Versions of a station and its timetable that someone has seen; None for one that they did not send."""

    station: int | None = None
    timetable: int | None = None

    def is_stale(self, now: Self) -> bool:
        return any(seen not in (None, current) for seen, current in zip(self, now, strict=True))


places = [MinValueValidator(1), MaxValueValidator(MAX_PLACES)]


class Station(models.Model):
    """A place that takes bookings, and the tenant: users see the data of their own stations only."""

    code = models.CharField(_("code"), max_length=64, unique=True, validators=[validators.code, validators.plain_line])
    name = models.CharField(_("name"), max_length=MAX_NAME, validators=[validators.plain_line])
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validators.time_zone])
    country = models.CharField(
        _("country"),
        max_length=2,
        default="US",
        validators=[validators.country],
        help_text=_("Two-letter code. Used for phone numbers without a country code."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD", validators=[validators.currency])
    first_weekday = models.SmallIntegerField(
        _("first day of the week"), choices=Weekday.choices, default=Weekday.SUNDAY
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        default="en",
        choices=settings.LANGUAGES,
        help_text=_("Used for emails to customers who have no language of their own."),
    )
    email = models.EmailField(_("email"), blank=True)
    phone = models.CharField(_("phone"), max_length=MAX_PHONE, blank=True, validators=[validators.plain_line])
    address = models.TextField(_("address"), max_length=500, blank=True, validators=[validators.plain_text])
    mail_from = models.EmailField(
        _("sender of emails"), blank=True, help_text=_("Leave empty to use this installation's address.")
    )
    mail_reply_to = models.EmailField(
        _("reply-to"), blank=True, help_text=_("Where customers' replies go. Leave empty to use the station's email.")
    )
    mail_signature = models.TextField(
        _("signature of emails"), max_length=500, blank=True, validators=[validators.plain_text]
    )
    reminder_hours = models.PositiveSmallIntegerField(
        _("send reminder (hours before)"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_REMINDER_HOURS)],
        help_text=_("How long before a confirmed booking the customer is reminded. Leave empty for no reminders."),
    )
    retention_months = models.PositiveSmallIntegerField(
        _("keep customer data for (months)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RETENTION_MONTHS)],
        help_text=_(
            "How long after their last booking customers are erased. Their bookings remain, without personal "
            "data. Leave empty to keep customers."
        ),
    )
    print_phone_numbers = models.BooleanField(
        _("phone numbers on printed lists"),
        default=False,
        db_default=False,
        help_text=_(
            "Prints customers' phone numbers on the list of a day, for people who may see them. Each time is recorded in the "
            "audit log."
        ),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("A station is never deleted. An inactive one takes no new bookings."),
    )
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    """Version of the station's own fields, which detects conflicting edits."""
    timetable_version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    """Version of its openings and exceptions together."""
    changes = models.BigIntegerField(default=0, editable=False)
    """Increased by every change to what a calendar of the station shows; part of ETags and cache keys."""

    objects = StationQuerySet.as_manager()

    class Meta:
        verbose_name = _("station")
        verbose_name_plural = _("stations")
        default_permissions = ()
        ordering = ["name", "code"]
        permissions = [("access_all_stations", _("Has access to all stations"))]

    def __str__(self) -> str:
        return self.name

    @property
    def versions(self) -> "Versions":
        return Versions(self.version, self.timetable_version)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Opening(models.Model):
    """A weekly slot of a station, from its first to its last date of validity."""

    station = models.ForeignKey(Station, models.CASCADE, related_name="openings", verbose_name=_("station"))
    weekday = models.SmallIntegerField(_("weekday"), choices=Weekday.choices)
    start = models.TimeField(_("start"), validators=[validators.whole_minute])
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(1), MaxValueValidator(MINUTES_A_DAY)]
    )
    capacity = models.PositiveSmallIntegerField(
        _("capacity"), default=1, validators=places, help_text=_("How many parties at once.")
    )
    guest_capacity = models.PositiveSmallIntegerField(
        _("guest capacity"),
        null=True,
        blank=True,
        validators=places,
        help_text=_("How many guests at once. Leave empty for no limit."),
    )
    first_date = models.DateField(
        _("first date"),
        null=True,
        blank=True,
        validators=[validators.known_date],
        help_text=_("Leave empty for no start date."),
    )
    last_date = models.DateField(
        _("last date"),
        null=True,
        blank=True,
        validators=[validators.known_date],
        help_text=_("Leave empty for no end date."),
    )

    objects = OfStationQuerySet.as_manager()

    class Meta:
        verbose_name = _("opening")
        verbose_name_plural = _("openings")
        default_permissions = ()
        ordering = ["weekday", "start", "first_date"]
        indexes = [models.Index(fields=["station", "weekday", "start"], name="opening_of_station")]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__gte=0, weekday__lte=6), name="opening_weekday_of_seven"),
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=MINUTES_A_DAY), name="opening_minutes_within_a_day"
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="opening_holds_somebody"),
            models.CheckConstraint(
                condition=Q(first_date__isnull=True) | Q(last_date__isnull=True) | Q(last_date__gte=F("first_date")),
                name="opening_ends_after_it_begins",
                violation_error_message=_("The last date is before the first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.start:%H:%M}"


class TimetableException(models.Model):
    """A date of a station, or one slot of it, that is closed or has another capacity. `slot` is None for the whole day."""

    station = models.ForeignKey(Station, models.CASCADE, related_name="exceptions", verbose_name=_("station"))
    date = models.DateField(_("date"), validators=[validators.known_date])
    slot = models.TimeField(
        _("slot"),
        null=True,
        blank=True,
        validators=[validators.whole_minute],
        help_text=_("Leave empty for the whole day."),
    )
    closed = models.BooleanField(_("closed"), default=True)
    capacity = models.PositiveSmallIntegerField(_("capacity"), null=True, blank=True, validators=places)
    guest_capacity = models.PositiveSmallIntegerField(_("guest capacity"), null=True, blank=True, validators=places)
    reason = models.CharField(
        _("reason"),
        max_length=200,
        blank=True,
        validators=[validators.plain_line],
        help_text=_("Shown to staff on the calendar."),
    )

    objects = OfStationQuerySet.as_manager()

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        default_permissions = ()
        ordering = ["date", "slot"]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "date"], condition=Q(slot__isnull=True), name="exception_one_for_a_day"
            ),
            models.UniqueConstraint(
                fields=["station", "date", "slot"],
                condition=Q(slot__isnull=False),
                name="exception_one_for_a_slot",
            ),
            # An exception for one slot may have neither: it opens the slot although the day is closed.
            models.CheckConstraint(
                condition=Q(closed=True)
                | Q(slot__isnull=False)
                | Q(capacity__isnull=False)
                | Q(guest_capacity__isnull=False),
                name="exception_closes_or_changes",
                violation_error_message=_("Close the day or slot, or change its capacity."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.slot:%H:%M}" if self.slot else str(self.date)
