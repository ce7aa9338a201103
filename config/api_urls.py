"""Every address under `/api/`. The last one takes whatever is left, so that even that answers in the envelope."""

from django.urls import path, re_path

from accounts import api as accounts
from bookings import api as bookings
from config import api_root
from stations import api as stations

urlpatterns = [
    path("", api_root.Root.as_view(), name="api"),
    path("schema/", api_root.Schema.as_view(), name="api-schema"),
    path("docs/", api_root.Docs.as_view(), name="api-docs"),
    path("auth/login", accounts.Login.as_view(), name="api-login"),
    path("auth/refresh", accounts.Refresh.as_view(), name="api-refresh"),
    path("auth/logout", accounts.Logout.as_view(), name="api-logout"),
    path("bookings/admin/weekly", bookings.Weekly.as_view(), name="api-weekly"),
    path("bookings/admin/monthly", bookings.Monthly.as_view(), name="api-monthly"),
    path("bookings/admin/<str:booking_id>", bookings.Reschedule.as_view(), name="api-reschedule"),
    path("bookings/", bookings.Bookings.as_view(), name="api-bookings"),
    path("bookings/<str:booking_id>/", bookings.OneBooking.as_view(), name="api-booking"),
    path("bookings/<str:booking_id>/status/", bookings.BookingStatus.as_view(), name="api-booking-status"),
    path("stations/", stations.Stations.as_view(), name="api-stations"),
    path("stations/<str:code>/slots", stations.Slots.as_view(), name="api-slots"),
    path("customers/search", accounts.Search.as_view(), name="api-customer-search"),
    path("customers/<str:customer_id>/", accounts.OneCustomer.as_view(), name="api-customer"),
    re_path(r"^", api_root.Nowhere.as_view(), name="api-nowhere"),
]
