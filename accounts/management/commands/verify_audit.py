"""Prove that the audit trail is what was written."""

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts import audit_verification
from accounts.models import AuditEntry

NAMED_AT_MOST = 1_000


class Command(BaseCommand):
    help = "Check every entry of the audit trail against its seal. Exit status 1 where anything was changed, added or taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(islice(audit_verification.faults(), NAMED_AT_MOST))
        for fault in found:
            self.stdout.write(str(fault))
        if found:
            raise CommandError(_("The audit trail is not what was written. Compare it with a backup."))
        words = _("All %(count)d entries of the audit trail are as they were written.")
        self.stdout.write(words % {"count": AuditEntry.objects.count()})
