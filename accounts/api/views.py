"""Signing in for integrators, and customers."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import customers, roles
from accounts.api.base import ApiView
from accounts.audit.bulk_reads import CONTACT, Read, ReadEvent
from accounts.auth import authentication
from accounts.auth.passwords import MAXIMUM_LENGTH
from accounts.auth.rate_limits import EachSearch, EachUser, TooManyFailures
from accounts.models import Customer
from core.api.fields import TextField, known_uuid
from core.api.openapi import documented, listed, nothing, whole
from core.api.preconditions import is_known
from core.api.responses import success
from core.api.serializers import StrictSerializer
from core.log_context import note_station
from core.web.client_address import remote_address
from stations.access import Person

EXAMPLE = {"email": "integrator@example.com", "password": "…"}  # nosec B105  # a placeholder
REFRESH = {"refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"}


class LoginBody(StrictSerializer):
    email = TextField(max_length=254)
    password = TextField(max_length=MAXIMUM_LENGTH)
    code = TextField(max_length=40, required=False)


class RefreshBody(StrictSerializer):
    refresh = TextField(max_length=4000)


class SearchBody(StrictSerializer):
    q = TextField(max_length=300)


class LoginFailed(exceptions.AuthenticationFailed):
    default_code = "login_failed"
    default_detail = _("Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.")


class SecondFactorDemanded(exceptions.PermissionDenied):
    default_code = "second_factor_demanded"
    default_detail = _("Your group requires two-factor authentication. Sign in with the browser and set it up.")


class OpenView(ApiView):
    """For those who are not signed in yet."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    throttle_classes: Any = ()

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class Login(OpenView):
    """Email and password for an access and a refresh token; with two-factor authentication, its code too."""

    examples = {"POST": EXAMPLE}

    @documented("Sign in", whole("Tokens"), body=LoginBody, example=EXAMPLE, failing=[403], signed_in=False)
    def post(self, request: Request) -> Response:
        given = LoginBody.parse(request.data)
        address = remote_address(request._request)
        try:
            user = authentication.sign_in(request._request, **given, address=address)
        except TooManyFailures as refusal:
            raise exceptions.Throttled(refusal.wait) from None
        if user is None:
            raise LoginFailed
        if user.lacks_second_factor:
            raise SecondFactorDemanded
        return success(authentication.new_tokens(user))


class Refresh(OpenView):
    """A refresh token for a new pair; the one given is spent."""

    examples = {"POST": REFRESH}

    @documented("A new pair of tokens", whole("Tokens"), body=RefreshBody, example=REFRESH, signed_in=False)
    def post(self, request: Request) -> Response:
        return success(authentication.refreshed(RefreshBody.parse(request.data)["refresh"]))


class Logout(OpenView):
    """Ends a refresh token."""

    examples = {"POST": REFRESH}

    @documented("End a refresh token", nothing(), body=RefreshBody, example=REFRESH, signed_in=False)
    def post(self, request: Request) -> Response:
        authentication.end_family(RefreshBody.parse(request.data)["refresh"])
        return success(None)


class Search(ApiView):
    """Customers by email, phone, its last four digits, or the name. Posted: no address holds PII."""

    rights = {"POST": roles.PII}
    throttle_classes = (EachUser, EachSearch)
    examples = {"POST": {"q": "gar"}}

    @documented("Find customers", listed("Customer"), body=SearchBody, example={"q": "gar"})
    def post(self, request: Request) -> Response:
        found = customers.search(request.user, SearchBody.parse(request.data)["q"])
        self.reads = _reads(found)
        return success([_customer(customer, request.user) for customer in found])


class OneCustomer(ApiView):
    """A customer."""

    @documented("One customer", whole("Customer"), failing=[404], cached=True)
    def get(self, request: Request, customer_id: str) -> Response:
        try:
            wanted = Customer.objects.visible_to(request.user).select_related("station")
            found = wanted.get(pk=known_uuid(customer_id))
        except (ValueError, Customer.DoesNotExist):
            raise Http404 from None
        note_station(found.station_id)
        private = request.user.has_perm(roles.PII)
        headers = {"ETag": _etag(found, private=private)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        self.reads = _reads([found]) if private else []
        return success(_customer(found, request.user), headers=headers)


def _etag(customer: Customer, *, private: bool) -> str:
    """The version; with an ending for those who may not see personal data."""
    return f'"{customer.version}"' if private else f'"{customer.version}.0"'


def _reads(found: Sequence[Customer]) -> list[Read]:
    counts = Counter(customer.station_id for customer in found)
    return [Read(ReadEvent.CUSTOMERS_READ, station_id, CONTACT, count) for station_id, count in counts.items()]


def _customer(customer: Customer, person: Person) -> dict[str, Any]:
    shown = customers.shown(customer, person)
    return {
        "customer_id": str(shown.customer_id),
        "station": customer.station.code,
        "name": shown.name,
        "email": shown.email,
        "phone": shown.phone,
        "created_at": customer.created_at.isoformat(),
        "version": customer.version,
    }
