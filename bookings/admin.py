"""Bookings in Django's admin: every rule of the services, none of their own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as __
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import customers, roles
from accounts.customers import Contact
from accounts.models import Customer
from accounts.normalising import initials
from accounts.scoping import ScopedAdmin, ServiceForm
from bookings import audit, exporting, services
from bookings.drafts import FIELDS, Draft, Place
from bookings.models import Booking
from bookings.querysets import BookingQuerySet
from bookings.views.booking import refusal
from bookings.workflow import NEW, RESCHEDULABLE, STEPS, Status
from stations.errors import DomainError, Invalid
from stations.models import Station


class BookingForm(ServiceForm):
    """A booking with its place, its steps and its words; several changes at once are one transaction."""

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    customer_name = forms.CharField(label=_("New customer: name"), required=False, max_length=200)
    customer_email = forms.EmailField(label=_("New customer: e-mail"), required=False, max_length=254)
    customer_phone = forms.CharField(label=_("New customer: phone"), required=False, max_length=40)

    class Meta:
        model = Booking
        fields = ("station", "date", "slot", "status", "customer", *sorted(FIELDS))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = Booking.objects.filter(pk=self.instance.pk).select_related("station").first()
        now = Status(self.before.status) if self.before else None
        steps = (now, *STEPS[now]) if now else NEW
        if "status" in self.fields:
            self.fields["status"].choices = [(step.value, step.label) for step in steps]  # type: ignore[attr-defined]
        self.fields["seen_version"].initial = self.before.version if self.before else None

    def write(self, words: Mapping[str, Any]) -> Booking:
        return self._change(self.before, words) if self.before else self._create(words)

    def _create(self, words: Mapping[str, Any]) -> Booking:
        customer = words["customer"]
        draft = Draft(
            station=words["station"].code,
            date=words["date"],
            slot=words["slot"],
            status=Status(words["status"]),
            customer=None if customer else self._contact(words),
            customer_id=customer.pk if customer else None,
            **{name: words[name] for name in FIELDS},
        )
        return services.create(draft, by=self.person)

    def _change(self, before: Booking, words: Mapping[str, Any]) -> Booking:
        """Edit, then step and move; a step to where bookings may be moved comes first."""
        seen = words["seen_version"]
        if seen is None:
            raise Invalid(__("This form has lost its version. Reload the page."))
        booking = services.edit(before.pk, self._edits(words), by=self.person, seen_version=seen)
        to = Place(words["date"], words["slot"], words["station"].code)
        wanted = Status(words["status"])
        moves: list[Callable[[int], Booking]] = []
        if (to.date, to.slot, to.station) != (before.date, before.slot, before.station.code):
            moves.append(lambda version: services.reschedule(before.pk, to=to, by=self.person, seen_version=version))
        if wanted != before.status:
            step = lambda version: services.change_status(before.pk, wanted, by=self.person, seen_version=version)  # noqa: E731
            moves.insert(0 if wanted in RESCHEDULABLE else len(moves), step)
        for move in moves:
            booking = move(booking.version)
        return booking

    def _edits(self, words: Mapping[str, Any]) -> dict[str, Any]:
        changes: dict[str, Any] = {name: words[name] for name in FIELDS if name in words}
        if contact := self._contact(words):
            return {**changes, "customer": contact}
        if "customer" in words:
            changes |= {"customer_id": words["customer"].pk} if words["customer"] else {"customer": None}
        return changes

    def _contact(self, words: Mapping[str, Any]) -> Contact | None:
        contact = Contact(*(words.get(f"customer_{name}", "") for name in ("name", "email", "phone")))
        return contact if contact.given else None

    def clean_special_requests(self) -> str | None:
        return self.cleaned_data["special_requests"] or None


class StationFilter(admin.SimpleListFilter):
    """The manager's own stations; a filter on the relation itself would name everybody's."""

    title = _("station")
    parameter_name = "station"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        return list(Station.objects.visible_to(request.user).values_list("code", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(station__code=self.value()) if self.value() else queryset


@admin.register(Booking)
class BookingAdmin(ScopedAdmin):
    """What a booking is, changed through `bookings.services`."""

    form = BookingForm
    change_right = roles.CHANGE
    change_form_template = "admin/bookings/booking/change_form.html"
    list_filter = (StationFilter, "status", "needs_place", ("date", admin.DateFieldListFilter))
    date_hierarchy = "date"
    list_select_related = ("station", "customer")
    ordering = ("-date", "-slot", "-created_at")
    raw_id_fields = ("customer",)
    actions = ("confirm", "cancel", "complete", "mark_no_show", "export")

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("date", "slot", _who(request), "total_guests", "status", "station", "needs_place")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        private = request.user.has_perm(roles.PII)
        names = ["station", "date", "slot", "slots", "status", "party_adults", "party_kids"]
        names += ["customer", "customer_name", "customer_email", "customer_phone"] if private else []
        names += ["special_requests"] if private else []
        return [*names, "total_due_cents", "deposit_due_cents", "source", "external_ref", "seen_version"]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("external_ref", "customer") if request.user.has_perm(roles.PII) else ("external_ref",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By external reference, and by whoever the words find."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(external_ref=term)
        if request.user.has_perm(roles.PII):
            found |= queryset.filter(customer__in=[one.pk for one in customers.search(request.user, term)])
        return found, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        booking = self.get_object(request, object_id)
        story = audit.story(booking) if booking else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "story": story})

    @admin.action(description=_("Confirm"))
    def confirm(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.CONFIRMED)

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.CANCELLED)

    @admin.action(description=_("Complete"))
    def complete(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.COMPLETED)

    @admin.action(description=_("Mark as no-show"))
    def mark_no_show(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.NO_SHOW)

    def _step(self, request: HttpRequest, chosen: QuerySet[Booking], to: Status) -> None:
        """Each by itself: those that may, step; those that may not are named with the reason."""
        done = 0
        for booking in chosen:
            try:
                services.change_status(booking.pk, to, by=request.user)
                done += 1
            except DomainError as error:
                self.message_user(request, f"{booking}: {refusal(error)}", messages.ERROR)
        if done:
            said = ngettext("%(count)d booking is now %(status)s.", "%(count)d bookings are now %(status)s.", done)
            said %= {"count": done, "status": to.label}
            self.message_user(request, said, messages.SUCCESS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        allowed = super().get_actions(request)
        steps = set() if self.has_change_permission(request) else {"confirm", "cancel", "complete", "mark_no_show"}
        hidden = steps | (set() if request.user.has_perm(roles.EXPORT) else {"export"})
        return {name: action for name, action in allowed.items() if name not in hidden}

    @admin.action(description=_("Export as CSV"))
    def export(self, request: HttpRequest, chosen: BookingQuerySet[Booking]) -> StreamingHttpResponse:
        response = StreamingHttpResponse(
            exporting.lines_of(chosen, request.user), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = 'attachment; filename="bookings.csv"'
        return response


def _who(request: HttpRequest) -> Callable[[Booking], str]:
    """The column that names the customer, as the person who looks may see them."""
    private = request.user.has_perm(roles.PII)

    @admin.display(description=_("customer"))
    def who(booking: Booking) -> str:
        customer: Customer | None = booking.customer
        if customer is None:
            return __("Walk-in")
        return (customer.name or "") if private else initials(customer.name or "")

    return who
