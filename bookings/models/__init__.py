"""The models of bookings, holds, emails to customers, and of the operation of the installation."""

from bookings.models.booking import Booking, Hold
from bookings.models.contact_proposal import ContactProposal
from bookings.models.feed import Feed
from bookings.models.imported_row import ImportedRow
from bookings.models.mail import CountedMail, Mail
from bookings.models.operations import BackupRecord, ClockReading, RetentionNotice, WorkerBeat
from bookings.models.undo_step import UndoStep

__all__ = [
    "BackupRecord",
    "Booking",
    "ClockReading",
    "ContactProposal",
    "CountedMail",
    "Feed",
    "Hold",
    "ImportedRow",
    "Mail",
    "RetentionNotice",
    "UndoStep",
    "WorkerBeat",
]
