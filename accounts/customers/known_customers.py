"""Matching contacts with the customers of a station: by the same email or phone, together with the same name."""

from collections.abc import Iterable, Sequence

from accounts.customers import blind_index
from accounts.customers.blind_index import NAME, Key
from accounts.customers.normalization import normalize_name
from accounts.models import BlindIndex, Customer
from stations.models import Station

Identity = tuple[str, str, str]
"""Kind and value of an email or phone, and the name: customers with an identity in common are the same person."""


def identities(customer: Customer) -> list[Identity]:
    name = normalize_name(customer.name)
    return [(*key, name) for key in blind_index.contact_keys(customer, customer.station.country)]


class KnownCustomers:
    """The customers that a batch of contacts may match, loaded in one query, and those added for contacts without a match."""

    def __init__(self, station: Station, wanted: Sequence[Customer], *, own: Customer | None = None) -> None:
        self.added: list[Customer] = []
        self._station, self._own = station, own if own and not own.erased_at else None
        self._by_identity: dict[Identity, Customer] = {}
        for customer in self._candidates(wanted):
            customer.station = station
            self._remember(customer)

    def _candidates(self, wanted: Sequence[Customer]) -> Iterable[Customer]:
        contacts = {key for customer in wanted for key in blind_index.lookup_keys(customer, self._station.country)}
        names = {Key(NAME, normalize_name(customer.name)) for customer in wanted}
        if not contacts:
            return []
        rows = Customer.objects.filter(station=self._station)
        for keys in (contacts, names):
            digests = blind_index.digests(keys, self._station.pk)
            rows = rows.filter(pk__in=BlindIndex.objects.filter(digest__in=digests).values("customer"))
        return rows.order_by("created_at", "pk")

    def _remember(self, customer: Customer) -> None:
        for identity in identities(customer):
            self._by_identity.setdefault(identity, customer)

    def match(self, wanted: Customer) -> Customer | None:
        """The customer with the same email or phone, and the same name: `own` if it matches, otherwise the oldest.

        If there is none, `own` if only the name is the same.
        """
        wanted_identities, own = identities(wanted), self._own
        if own and not set(wanted_identities).isdisjoint(identities(own)):
            return own
        found = next(
            (self._by_identity[identity] for identity in wanted_identities if identity in self._by_identity), None
        )
        is_own = own is not None and normalize_name(own.name) == normalize_name(wanted.name)
        return found or (own if is_own else None)

    def add(self, customer: Customer) -> Customer:
        self._remember(customer)
        self.added.append(customer)
        return customer
