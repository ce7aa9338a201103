"""Customers: found, made, changed, shown. The one writer of customers.

The same person again is the same email or phone and the same name, at one station; stations share nobody.
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
from accounts.customers.normalization import clean_email, clean_phone, e164, email_form, initials, phone_form
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
    """Somebody as they were given, in their own spelling."""

    name: str
    email: str = ""
    phone: str = ""

    @property
    def given(self) -> bool:
        """Whether there is anything at all: an empty contact is a walk-in."""
        return bool(self.name.strip() or given_fields(self))


@dataclass(frozen=True, slots=True)
class Difference:
    """What of a contact its customer is not on file with; empty where there is nothing new."""

    email: str = ""
    phone: str = ""
    email_is_valid: bool = True
    phone_is_valid: bool = True


class ShownCustomer(NamedTuple):
    """A customer as one person may see them."""

    customer_id: UUID
    name: str
    email: str
    phone: str
    erased: bool = False

    @property
    def called(self) -> str:
        """What stands where a page names them."""
        return _("Erased") if self.erased else self.name


def shown(customer: Customer, person: Person) -> ShownCustomer:
    """Initials and no contact without the right to personal data."""
    erased = customer.erased_at is not None
    if person.has_perm(roles.PII):
        return ShownCustomer(customer.pk, customer.name, customer.email, customer.phone, erased)
    return ShownCustomer(customer.pk, initials(customer.name), "", "", erased)


def check(station: Station, contact: Contact, *, strict: bool) -> None:
    """Raises Invalid, with the fields at fault, for a contact that `find_or_make` would not take."""
    _made_of(station, contact, strict=strict)


def find_or_make(
    station: Station,
    contacts: Sequence[Contact],
    *,
    strict: bool,
    by: Person | None = None,
    own: Customer | None = None,
) -> list[Customer]:
    """The customers of these contacts, in their order; made where nobody matches. Under the station's lock.

    A match changes nothing that is on file: an email or phone that is not is for the caller to keep (`difference`). `own` is the
    customer that a single contact is already known to be about: the same name is enough to be them.

    Raises Invalid for text that cannot be stored; with `strict` for a missing name, too, and for an email or a phone that is not
    valid, which is otherwise kept as written and marked.
    """
    wanted = [_made_of(station, contact, strict=strict) for contact in contacts]
    known = KnownCustomers(station, wanted, own=own)
    found = [known.match(customer) or known.add(customer) for customer in wanted]
    write_new(known.added, station, by=by)
    return found


def difference(customer: Customer, contact: Contact) -> Difference:
    """The email and phone of a contact, as they would be stored, where the customer is not on file with them."""
    country = customer.station.country
    email, phone = clean_email(contact.email), clean_phone(contact.phone)
    if email_form(email) == email_form(customer.email):
        email = ""
    if _comparable(phone, country) == _comparable(customer.phone, country):
        phone = ""
    number = e164(phone, country) if phone else ""
    written = phone if number is None else number
    return Difference(email, written, email_is_valid=_is_valid_email(email), phone_is_valid=number is not None)


def _comparable(phone: str, country: str) -> str:
    """As numbers are compared; what has no digit is compared as it is written."""
    return phone_form(phone, country) or phone


def given_fields(contact: Contact) -> list[str]:
    """Which of email and phone a contact has."""
    cleaned = {name: _cleaned(name, getattr(contact, name)) for name in ("email", "phone")}
    return [name for name, text in cleaned.items() if text]


def edit(customer_id: UUID, changes: Mapping[str, Any], *, by: Person, seen_version: int | None = None) -> Customer:
    """Change a customer's name, email, phone, language or notes. Nothing that differs: nothing is written.

    Raises, in this order, NotPermitted, NotFound, Stale (not the version that was seen) or Invalid: whoever was erased stays so.
    An email or phone kept as written by an import may stay as it is.
    """
    roles.require(by, roles.CHANGE)
    roles.require(by, roles.PII)
    with transaction.atomic():
        customer = locked(customer_id, by=by)
        if seen_version not in (None, customer.version):
            raise Stale(data=customer)
        if customer.erased_at:
            raise Invalid(_("This customer was erased, and stays so. Book for them as for somebody new."))
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
    """The customer, read with their station locked until the transaction ends. Raises NotFound."""
    visible = Customer.objects.visible_to(by).filter(pk=customer_id)
    station = Station.objects.filter(pk__in=visible.values("station")).locked().first()
    if station is None:
        raise NotFound
    note_station(station.pk)
    customer = Customer.objects.get(pk=customer_id)
    customer.station = station
    return customer


def erase(customer: Customer, *, at: datetime, by: Person) -> None:
    """Forget who a customer was: all that identifies them, and all that finds them. Under the station's lock; what their
    bookings say of them is `bookings.privacy.erasure`'s.
    """
    held = [name for name in EDITABLE if getattr(customer, name)]
    for name in EDITABLE:
        setattr(customer, name, "")
    customer.email_bounced, customer.email_is_valid, customer.phone_is_valid, customer.erased_at = False, True, True, at
    customer.version += 1
    customer.save()
    BlindIndex.objects.filter(customer=customer).delete()
    recorder.record_customers([(customer, held)], event=CustomerEvent.ERASED, by=by)


def reveal(customer_id: UUID, *, by: Person, more: Sequence[str] = ()) -> Customer:
    """The customer with their contact, for a person who asks, which the audit log says; `more` names what else they are shown.

    Raises NotPermitted or NotFound.
    """
    roles.require(by, roles.PII)
    customer = Customer.objects.visible_to(by).select_related("station").filter(pk=customer_id).first()
    if customer is None:
        raise NotFound
    note_station(customer.station_id)
    if has := [*(name for name in ("email", "phone") if getattr(customer, name)), *more]:
        recorder.record_customers([(customer, has)], event=CustomerEvent.REVEALED, by=by)
    return customer


def mark_bounced(customer: Customer, email: str) -> None:
    """Note that a mail server knows nobody at this address, unless the customer has another by now."""
    with transaction.atomic():
        Station.objects.filter(pk=customer.station_id).locked().first()
        current = Customer.objects.get(pk=customer.pk)
        if email_form(current.email) == email_form(email) and not current.email_bounced:
            _set_bounced(customer, to=True)
            recorder.record_customers([(current, ["email_bounced"])], event=CustomerEvent.EDITED)
            Station.objects.bump(customer.station_id)


def _set_bounced(customer: Customer, *, to: bool) -> None:
    changes = {"email_bounced": to, "version": F("version") + 1, "updated_at": timezone.now()}
    Customer.objects.filter(pk=customer.pk).update(**changes)


def forget_bounce(customer: Customer, *, by: Person) -> None:
    """Try the address again: somebody knows better than the mail server did. Under the station's lock."""
    if customer.email_bounced:
        customer.email_bounced = False
        _set_bounced(customer, to=False)
        recorder.record_customers([(customer, ["email_bounced"])], event=CustomerEvent.EDITED, by=by)


def _made_of(station: Station, contact: Contact, *, strict: bool) -> Customer:
    """The customer that a contact would become, not yet written."""
    given = {name: _cleaned(name, getattr(contact, name)) for name in CONTACT_FIELDS}
    if not strict:
        given["name"] = given["name"] or given["email"] or given["phone"]
    customer = Customer(station=station, **given)
    _set_email(customer, strict=strict)
    _set_phone(customer, strict=strict)
    _require_valid(customer)
    return customer


def _apply(customer: Customer, changes: Mapping[str, Any]) -> list[str]:
    """Put changes on a customer and check them; the names of the fields that now differ."""
    wrong = {name: [_("This cannot be changed here.")] for name in changes if name not in EDITABLE}
    wrong |= {name: [_("Enter text.")] for name, value in changes.items() if not isinstance(value, str)}
    if wrong:
        raise Invalid(fields=wrong)
    before = {name: getattr(customer, name) for name in EDITABLE}
    for name, value in changes.items():
        setattr(customer, name, _cleaned(name, value))
    if customer.phone != before["phone"]:
        _set_phone(customer, strict=True)
    if customer.email != before["email"]:
        _set_email(customer, strict=True)
    if email_form(customer.email) != email_form(before["email"]):
        customer.email_bounced = False
    _require_valid(customer)
    return [name for name in EDITABLE if getattr(customer, name) != before[name]]


def _set_email(customer: Customer, *, strict: bool) -> None:
    """Mark an email that is not a valid address, or refuse it where `strict`."""
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


def _cleaned(name: str, text: str) -> str:
    return {"email": clean_email, "phone": clean_phone}.get(name, str.strip)(text)


def _set_phone(customer: Customer, *, strict: bool) -> None:
    """Bring the phone into E.164; one that is no number is marked, or refused where `strict`."""
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
    """Customers who are not there yet, with their index and an entry each. Under the station's lock."""
    if customers:
        sql.insert(customers)
        blind_index.write(customers, station)
        named = [(customer, [name for name in EDITABLE if getattr(customer, name)]) for customer in customers]
        recorder.record_customers(named, event=CustomerEvent.CREATED, by=by, moved_from=moved_from)
