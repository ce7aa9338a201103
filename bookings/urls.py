"""The pages of the calendar."""

from django.urls import path

from bookings.views import booking, calendar, contact, day_sheet, door, feeds, mails, move, new_booking, search, undo

urlpatterns = [
    path("", calendar.home, name="home"),
    path("calendar/", calendar.home),
    path("calendar/week/", calendar.week, name="week"),
    path("calendar/month/", calendar.month, name="month"),
    path("calendar/day/", calendar.day, name="day"),
    path("calendar/agenda/", calendar.agenda, name="agenda"),
    path("calendar/stations/", calendar.stations, name="stations"),
    path("calendar/door/", calendar.door, name="door"),
    path("calendar/door/walk-in/", door.walk_in, name="walk-in"),
    path("calendar/door/<uuid:booking_id>/", door.update, name="door-update"),
    path("calendar/print/", day_sheet.day_sheet, name="day-sheet"),
    path("calendar/search/", search.search, name="search"),
    path("calendar/search/hits/", search.live_hits, name="live-hits"),
    path("bookings/undo/", undo.undo, name="undo"),
    path("bookings/redo/", undo.redo, name="redo"),
    path("bookings/new/find/", search.suggest, name="suggest-customers"),
    path("bookings/new/check/", new_booking.check, name="check-booking"),
    path("bookings/new/for/", new_booking.new_for, name="new-booking-for"),
    path("bookings/new/", new_booking.new, name="new-booking"),
    path("bookings/<uuid:booking_id>/", booking.detail, name="booking"),
    path("bookings/<uuid:booking_id>/contact/", contact.contact, name="booking-contact"),
    path("bookings/<uuid:booking_id>/contact/decide/", contact.decide, name="decide-contact"),
    path("bookings/<uuid:booking_id>/edit/", booking.edit, name="edit-booking"),
    path("bookings/<uuid:booking_id>/party/", booking.party, name="booking-party"),
    path("bookings/<uuid:booking_id>/step/", booking.step, name="booking-step"),
    path("bookings/<uuid:booking_id>/move/", move.move, name="move-booking"),
    path("bookings/<uuid:booking_id>/move-options/", move.move_options, name="move-options"),
    path("bookings/<uuid:booking_id>/mails/<uuid:mail_id>/", mails.mail, name="booking-mail"),
    path("feeds/", feeds.listing, name="feeds"),
    path("feeds/<int:feed_id>/renew/", feeds.renew, name="renew-feed"),
    path("feeds/<int:feed_id>/revoke/", feeds.revoke, name="revoke-feed"),
    path("feeds/<str:secret>.ics", feeds.read, name="feed"),
]
