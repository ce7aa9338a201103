"""Who of a station's customers a contact is: the same email or phone together with the same name."""

from collections.abc import Iterable, Sequence

from accounts.customers import blind_index
from accounts.customers.blind_index import NAME, Key
from accounts.customers.normalization import name_form
from accounts.models import BlindIndex, Customer
from stations.models import Station

Identity = tuple[str, str, str]
"""What makes somebody the same person: one way to reach them together with the name."""


def identities(customer: Customer) -> list[Identity]:
    name = name_form(customer.name)
    return [(*key, name) for key in blind_index.contact_keys(customer, customer.station.country)]


class KnownCustomers:
    """The customers that contacts may mean (one query), and those that were added for contacts that meant none of them."""

    def __init__(self, station: Station, wanted: Sequence[Customer], *, own: Customer | None = None) -> None:
        self.added: list[Customer] = []
        self._station, self._own = station, own if own and not own.erased_at else None
        self._by_identity: dict[Identity, Customer] = {}
        for customer in self._who_may_be_meant(wanted):
            customer.station = station
            self._learn(customer)

    def _who_may_be_meant(self, wanted: Sequence[Customer]) -> Iterable[Customer]:
        contacts = {key for customer in wanted for key in blind_index.lookup_keys(customer, self._station.country)}
        names = {Key(NAME, name_form(customer.name)) for customer in wanted}
        if not contacts:
            return []
        rows = Customer.objects.filter(station=self._station)
        for keys in (contacts, names):
            digests = blind_index.digests(keys, self._station.pk)
            rows = rows.filter(pk__in=BlindIndex.objects.filter(digest__in=digests).values("customer"))
        return rows.order_by("created_at", "pk")

    def _learn(self, customer: Customer) -> None:
        for identity in identities(customer):
            self._by_identity.setdefault(identity, customer)

    def match(self, wanted: Customer) -> Customer | None:
        """The same email or phone and the same name: `own` before all others, then the oldest. Of the same name alone, `own`."""
        theirs, own = identities(wanted), self._own
        if own and not set(theirs).isdisjoint(identities(own)):
            return own
        found = next((self._by_identity[identity] for identity in theirs if identity in self._by_identity), None)
        is_own = own is not None and name_form(own.name) == name_form(wanted.name)
        return found or (own if is_own else None)

    def add(self, customer: Customer) -> Customer:
        self._learn(customer)
        self.added.append(customer)
        return customer
