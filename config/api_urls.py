"""Every address under `/api/`, each with and without its final slash. The last one takes whatever is left, so that even that
answers in the envelope.
"""

from django.urls import re_path

from accounts.api import views as accounts
from bookings.api import lists, stations
from bookings.api import views as bookings
from config import api_root
from core.web.routes import api_path

urlpatterns = [
    # The first that matches ends the search: what is asked for most comes first.
    api_path("bookings/admin/weekly", bookings.Weekly.as_view(), name="api-weekly"),
    api_path("bookings/admin/monthly", bookings.Monthly.as_view(), name="api-monthly"),
    api_path("bookings/admin/<str:booking_id>", bookings.Reschedule.as_view(), name="api-reschedule"),
    api_path("", api_root.Root.as_view(), name="api"),
    api_path("schema/", api_root.Schema.as_view(), name="api-schema"),
    api_path("docs/", api_root.Docs.as_view(), name="api-docs"),
    api_path("auth/login", accounts.Login.as_view(), name="api-login"),
    api_path("auth/refresh", accounts.Refresh.as_view(), name="api-refresh"),
    api_path("auth/logout", accounts.Logout.as_view(), name="api-logout"),
    api_path("bookings/", bookings.Bookings.as_view(), name="api-bookings"),
    api_path("bookings/export", lists.Export.as_view(), name="api-export"),
    api_path("bookings/<str:booking_id>/", bookings.OneBooking.as_view(), name="api-booking"),
    api_path("bookings/<str:booking_id>/status/", bookings.BookingStatus.as_view(), name="api-booking-status"),
    api_path("stations/", stations.Stations.as_view(), name="api-stations"),
    api_path("stations/<str:code>/slots", stations.Slots.as_view(), name="api-slots"),
    api_path("customers/search", accounts.Search.as_view(), name="api-customer-search"),
    api_path("customers/<str:customer_id>/", accounts.OneCustomer.as_view(), name="api-customer"),
    re_path(r"^", api_root.Nowhere.as_view(), name="api-nowhere"),
]
