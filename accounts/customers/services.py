"""Services that find, create, change and show customers. All writes to customers happen here.

Two contacts are the same person if the email or phone and the name are the same. Customers are never shared between stations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import roles
from accounts.audit import recorder
from accounts.audit.origin import CustomerEvent
from accounts.customers import blind_index
from accounts.customers.known_customers import KnownCustomers
from accounts.customers.normalization import clean_email, clean_phone, e164, initials, normalize_email, normalize_phone
from accounts.models import BlindIndex, Customer
from core.db import sql
from core.errors import Invalid, NotFound
from core.log_context import note_station
from stations.access import Person
from stations.errors import Stale
from stations.models import Station

CONTACT_FIELDS: Final = ("name", "email", "phone")
EDITABLE: Final = (*CONTACT_FIELDS, "language", "notes")


@dataclass(frozen=True, slots=True)
class Contact:
    """Name, email and phone of a customer, as typed."""

    name: str
    email: str = ""
    phone: str = ""

    @property
    def given(self) -> bool:
        """Whether any field is filled in. An empty contact is a walk-in."""
        return bool(self.name.strip() or given_fields(self))


@dataclass(frozen=True, slots=True)
class Difference:
    """The email and phone of a contact that differ from those on file; "" where they do not."""

    email: str = ""
    phone: str = ""
    email_is_valid: bool = True
    phone_is_valid: bool = True


class ShownCustomer(NamedTuple):
    """A customer as a user may see them."""

    customer_id: UUID
    name: str
    email: str
    phone: str
    erased: bool = False

    @property
    def display_name(self) -> str:
        """The name to show, or that the customer was erased."""
        return _("Erased") if self.erased else self.name


def shown(customer: Customer, person: Person) -> ShownCustomer:
    """The customer as the person may see them: initials alone without the permission for personal data."""
    erased = customer.erased_at is not None
    if person.has_perm(roles.PII):
        return ShownCustomer(customer.pk, customer.name, customer.email, customer.phone, erased)
    return ShownCustomer(customer.pk, initials(customer.name), "", "", erased)


def check(station: Station, contact: Contact, *, strict: bool) -> None:
    """Raises Invalid, with the invalid fields, for a contact that `find_or_create` would refuse."""
    _build_customer(station, contact, strict=strict)


def find_or_create(
    station: Station,
    contacts: Sequence[Contact],
    *,
    strict: bool,
    by: Person | None = None,
    own: Customer | None = None,
) -> list[Customer]:
    """The customers of these contacts, in the same order; created where none matches. Under the station's lock.

    A match does not change what is on file; the caller has to keep an email or phone that differs (see `difference`). `own` is
    the customer that a single contact is known to be about, for whom the same name is enough to match.

    Raises Invalid for text that cannot be stored and, if `strict`, for a missing name and for an invalid email or phone. If not
    `strict`, these are stored as written and marked as invalid.
    """
    wanted = [_build_customer(station, contact, strict=strict) for contact in contacts]
    known = KnownCustomers(station, wanted, own=own)
    found = [known.match(customer) or known.add(customer) for customer in wanted]
    write_new(known.added, station, by=by)
    return found


def difference(customer: Customer, contact: Contact) -> Difference:
    """The email and phone of a contact, as they would be stored, that differ from those on file."""
    country = customer.station.country
    email, phone = clean_email(contact.email), clean_phone(contact.phone)
    if normalize_email(email) == normalize_email(customer.email):
        email = ""
    if _comparable(phone, country) == _comparable(customer.phone, country):
        phone = ""
    number = e164(phone, country) if phone else ""
    written = phone if number is None else number
    return Difference(email, written, email_is_valid=_is_valid_email(email), phone_is_valid=number is not None)


def _comparable(phone: str, country: str) -> str:
    """The normalized number. Text without digits is compared as it is written."""
    return normalize_phone(phone, country) or phone


def given_fields(contact: Contact) -> list[str]:
    """Which of the fields email and phone are filled in."""
    cleaned = {name: _clean(name, getattr(contact, name)) for name in ("email", "phone")}
    return [name for name, text in cleaned.items() if text]


def edit(customer_id: UUID, changes: Mapping[str, Any], *, by: Person, seen_version: int | None = None) -> Customer:
    """Change a customer's name, email, phone, language or notes. Nothing is written if nothing differs.

    Raises, in this order, NotPermitted, NotFound, Stale (`seen_version` is not the current version) or Invalid, also for an
    erased customer. An invalid email or phone that an import stored as written may stay unchanged.
    """
    roles.require(by, roles.CHANGE)
    roles.require(by, roles.PII)
    with transaction.atomic():
        customer = locked(customer_id, by=by)
        if seen_version not in (None, customer.version):
            raise Stale(data=customer)
        if customer.erased_at:
            raise Invalid(_("This customer was erased. To book for them again, enter them as a new customer."))
        station = customer.station
        changed = _apply(customer, changes)
        if changed:
            customer.version += 1
            customer.save()
            blind_index.rewrite([customer], station)
            recorder.record_customers([(customer, changed)], event=CustomerEvent.EDITED, by=by)
            Station.objects.bump(station.pk)
    return customer


def locked(customer_id: UUID, *, by: Person) -> Customer:
    """Lock the customer's station for the rest of the transaction, and return the customer. Raises NotFound."""
    visible = Customer.objects.visible_to(by).filter(pk=customer_id)
    station = Station.objects.filter(pk__in=visible.values("station")).locked().first()
    if station is None:
        raise NotFound
    note_station(station.pk)
    customer = Customer.objects.get(pk=customer_id)
    customer.station = station
    return customer


def erase(customer: Customer, *, at: datetime, by: Person) -> None:
    """Delete all personal data of a customer and their digests, under the station's lock.

    `bookings.privacy.erasure` erases what their bookings contain.
    """
    filled = [name for name in EDITABLE if getattr(customer, name)]
    for name in EDITABLE:
        setattr(customer, name, "")
    customer.email_bounced, customer.email_is_valid, customer.phone_is_valid, customer.erased_at = False, True, True, at
    customer.version += 1
    customer.save()
    BlindIndex.objects.filter(customer=customer).delete()
    recorder.record_customers([(customer, filled)], event=CustomerEvent.ERASED, by=by)


def reveal(customer_id: UUID, *, by: Person, more: Sequence[str] = (), found_by: str = "") -> Customer:
    """The customer with their contact details, recorded in the audit log. `more` names further fields that are shown, `found_by`
    the field by which a search found the customer.

    Raises NotPermitted or NotFound.
    """
    roles.require(by, roles.PII)
    customer = Customer.objects.visible_to(by).select_related("station").filter(pk=customer_id).first()
    if customer is None:
        raise NotFound
    if revealed := [*(name for name in ("email", "phone") if getattr(customer, name)), *more]:
        recorder.record_customers([(customer, revealed)], event=CustomerEvent.REVEALED, by=by, found_by=found_by)
    return customer


def mark_bounced(customer: Customer, email: str) -> None:
    """Mark the customer's email as rejected by its mail server, unless they have another one by now."""
    with transaction.atomic():
        Station.objects.locked().get(pk=customer.station_id)
        current = Customer.objects.get(pk=customer.pk)
        if normalize_email(current.email) == normalize_email(email) and not current.email_bounced:
            _set_bounced(customer, to=True)
            recorder.record_customers([(current, ["email_bounced"])], event=CustomerEvent.EDITED)
            Station.objects.bump(customer.station_id)


def _set_bounced(customer: Customer, *, to: bool) -> None:
    changes = {"email_bounced": to, "version": F("version") + 1, "updated_at": timezone.now()}
    Customer.objects.filter(pk=customer.pk).update(**changes)


def forget_bounce(customer: Customer, *, by: Person) -> None:
    """Clear the mark of a rejected email, so that it is used again. Under the station's lock."""
    if customer.email_bounced:
        customer.email_bounced = False
        _set_bounced(customer, to=False)
        recorder.record_customers([(customer, ["email_bounced"])], event=CustomerEvent.EDITED, by=by)


def _build_customer(station: Station, contact: Contact, *, strict: bool) -> Customer:
    """An unsaved customer for a contact."""
    given = {name: _clean(name, getattr(contact, name)) for name in CONTACT_FIELDS}
    if not strict:
        given["name"] = given["name"] or given["email"] or given["phone"]
    customer = Customer(station=station, **given)
    _set_email(customer, strict=strict)
    _set_phone(customer, strict=strict)
    _require_valid(customer)
    return customer


def _apply(customer: Customer, changes: Mapping[str, Any]) -> list[str]:
    """Apply and validate changes. Returns the names of the fields that differ."""
    errors = {name: [_("This cannot be changed here.")] for name in changes if name not in EDITABLE}
    errors |= {name: [_("Enter text.")] for name, value in changes.items() if not isinstance(value, str)}
    if errors:
        raise Invalid(fields=errors)
    before = {name: getattr(customer, name) for name in EDITABLE}
    for name, value in changes.items():
        setattr(customer, name, _clean(name, value))
    if customer.phone != before["phone"]:
        _set_phone(customer, strict=True)
    if customer.email != before["email"]:
        _set_email(customer, strict=True)
    if normalize_email(customer.email) != normalize_email(before["email"]):
        customer.email_bounced = False
    _require_valid(customer)
    return [name for name in EDITABLE if getattr(customer, name) != before[name]]


def _set_email(customer: Customer, *, strict: bool) -> None:
    """Mark an invalid email, or refuse it if `strict`."""
    customer.email_is_valid = _is_valid_email(customer.email)
    if strict and not customer.email_is_valid:
        raise Invalid(fields={"email": [validate_email.message]})


def _is_valid_email(email: str) -> bool:
    try:
        if email:
            validate_email(email)
    except ValidationError:
        return False
    return True


def _clean(name: str, text: str) -> str:
    return {"email": clean_email, "phone": clean_phone}.get(name, str.strip)(text)


def _set_phone(customer: Customer, *, strict: bool) -> None:
    """Convert the phone to E.164. An invalid one is marked, or refused if `strict`."""
    number = e164(customer.phone, customer.station.country) if customer.phone else ""
    if number is None and strict:
        hint = _("This is not a phone number. Enter it with its country code, such as +1 202 555 0143.")
        raise Invalid(fields={"phone": [hint]})
    customer.phone_is_valid = number is not None
    customer.phone = customer.phone if number is None else number


def _require_valid(customer: Customer) -> None:
    try:
        customer.clean_fields(exclude=["id", "station"])
    except ValidationError as error:
        raise Invalid(fields=error.message_dict) from error


def write_new(customers: Sequence[Customer], station: Station, *, by: Person | None, moved_from: str = "") -> None:
    """Insert new customers, with their index and an audit entry each. Under the station's lock."""
    if customers:
        sql.insert(customers)
        blind_index.write(customers, station)
        named = [(customer, [name for name in EDITABLE if getattr(customer, name)]) for customer in customers]
        recorder.record_customers(named, event=CustomerEvent.CREATED, by=by, moved_from=moved_from)
