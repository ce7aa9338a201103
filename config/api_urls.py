"""URLs of the API, each with and without its final slash."""

from django.urls import re_path

from accounts.api.views import AuthenticationViewSet, CustomerViewSet
from bookings.api.stations import StationViewSet
from bookings.api.views import BookingViewSet, CalendarViewSet
from config.api_root import DocsView, NotFoundView, RootView, SchemaView
from core.api.routers import OptionalSlashRouter
from core.web.routes import api_path

endpoints = OptionalSlashRouter(trailing_slash=False)
endpoints.register("bookings/admin", CalendarViewSet, basename="api-calendar")
endpoints.register("auth", AuthenticationViewSet, basename="api-auth")

collections = OptionalSlashRouter()
collections.register("bookings", BookingViewSet, basename="api-booking")
collections.register("stations", StationViewSet, basename="api-station")
collections.register("customers", CustomerViewSet, basename="api-customer")

urlpatterns = [
    # Django tries patterns in order, so the most frequent ones come first.
    *endpoints.urls,
    *collections.urls,
    api_path("", RootView.as_view(), name="api"),
    api_path("schema/", SchemaView.as_view(), name="api-schema"),
    api_path("docs/", DocsView.as_view(), name="api-docs"),
    # Matches everything else, so that unknown URLs are answered as JSON, too.
    re_path(r"^", NotFoundView.as_view(), name="api-not-found"),
]
