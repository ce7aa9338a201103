"""The viewsets of authentication and of customers."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import customers, roles
from accounts.api.base import ApiViewSet, PublicMixin
from accounts.audit.bulk_reads import CONTACT_FIELDS, Read, ReadEvent
from accounts.auth import authentication
from accounts.auth.passwords import MAX_LENGTH
from accounts.auth.rate_limits import SearchThrottle, TooManyFailures, UserThrottle
from accounts.models import Customer
from core.api.fields import TextField
from core.api.openapi import empty, listed, operation, single
from core.api.preconditions import is_known
from core.api.responses import success
from core.api.serializers import StrictSerializer
from core.limits import MAX_EMAIL
from core.web.client_address import remote_address
from stations.access import Person

CREDENTIALS = {"email": "integrator@example.com", "password": "…"}  # nosec B105  # a placeholder
REFRESH = {"refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"}
SEARCH = {"q": "gar"}


class LoginBody(StrictSerializer):
    email = TextField(max_length=MAX_EMAIL)
    password = TextField(max_length=MAX_LENGTH)
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


class AuthenticationViewSet(PublicMixin, ApiViewSet):
    """Access and refresh tokens."""

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    @operation(
        "signIn", "Sign in", single("Tokens"), body=LoginBody, example=CREDENTIALS, failing=[403], signed_in=False
    )
    @action(detail=False, methods=["post"])
    def login(self, request: Request) -> Response:
        """Exchanges an email and a password, and a code if the user has two-factor authentication, for a pair of tokens."""
        credentials = LoginBody.parse(request.data)
        address = remote_address(request._request)
        try:
            user = authentication.sign_in(request._request, **credentials, address=address)
        except TooManyFailures as refusal:
            raise exceptions.Throttled(refusal.wait) from None
        if user is None:
            raise LoginFailed
        if user.must_set_up_two_factor:
            raise SecondFactorDemanded
        return success(authentication.issue_tokens(user))

    @operation("refreshTokens", "Refresh tokens", single("Tokens"), body=RefreshBody, example=REFRESH, signed_in=False)
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Exchanges a refresh token for a new pair of tokens. Each refresh token works once."""
        return success(authentication.refresh_tokens(RefreshBody.parse(request.data)["refresh"]))

    @operation("signOut", "Sign out", empty(), body=RefreshBody, example=REFRESH, signed_in=False)
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """Revokes a refresh token and those that came before and after it."""
        authentication.revoke_token_family(RefreshBody.parse(request.data)["refresh"])
        return success(None)


class CustomerViewSet(ApiViewSet):
    """Customers of the stations that you may see."""

    lookup_url_kwarg = "customer_id"

    def get_queryset(self) -> Any:
        return Customer.objects.visible_to(self.request.user).select_related("station")

    @operation("searchCustomers", "Search customers", listed("Customer"), body=SearchBody, example=SEARCH)
    @action(
        detail=False, methods=["post"], perms_map={"POST": roles.PII}, throttle_classes=(UserThrottle, SearchThrottle)
    )
    def search(self, request: Request) -> Response:
        """Returns the 50 latest customers that match an email or its beginning from four characters on, a phone, also without
        its area code, or its last four digits, or the beginnings of names from three letters on.

        This is a POST so that personal data does not appear in URLs.
        """
        found = customers.search(request.user, SearchBody.parse(request.data)["q"])
        self.reads = _reads(found)
        return success([_customer(customer, request.user) for customer in found])

    @operation("getCustomer", "Retrieve a customer", single("Customer"), failing=[404], cached=True)
    def retrieve(self, request: Request, customer_id: str) -> Response:
        """Returns a customer.

        Without the permission to see personal data, the name is reduced to initials, and email and phone are empty.
        """
        found = self.get_object()
        private = request.user.has_perm(roles.PII)
        headers = {"ETag": _etag(found, private=private)}
        if is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        self.reads = _reads([found]) if private else []
        return success(_customer(found, request.user), headers=headers)


def _etag(customer: Customer, *, private: bool) -> str:
    """The version; with an suffix for callers who may not see personal data."""
    return f'"{customer.version}"' if private else f'"{customer.version}.0"'


def _reads(found: Sequence[Customer]) -> list[Read]:
    counts = Counter(customer.station_id for customer in found)
    return [Read(ReadEvent.CUSTOMERS_READ, station_id, CONTACT_FIELDS, count) for station_id, count in counts.items()]


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
