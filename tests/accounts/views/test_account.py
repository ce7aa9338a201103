"""Changes to one's own account other than credentials."""

import pytest
from django.test import Client

from accounts.models import AuditEntry, User

pytestmark = pytest.mark.looks

PAGE = "/accounts/me/name/"


@pytest.fixture
def browser(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_own_name_is_changed_and_recorded(browser: Client, staff: User) -> None:
    answer = browser.post(PAGE, {"name": "  Sam <b> "}, follow=True)

    staff.refresh_from_db()
    assert (staff.name, answer.redirect_chain) == ("Sam <b>", [("/accounts/me/", 302)])
    assert "Sam &lt;b&gt;" in answer.content.decode()
    entry = AuditEntry.objects.filter(object_pk=staff.pk).latest("pk")
    assert (entry.actor, entry.changes) == (staff, {"name": ["", "Sam <b>"]})


@pytest.mark.parametrize("name", ["x" * 151, "a\nb", "a\0b"])
def test_name_that_is_no_line_is_refused(browser: Client, staff: User, name: str) -> None:
    answer = browser.post(PAGE, {"name": name})

    staff.refresh_from_db()
    assert (answer.status_code, list(answer.context["form"].errors), staff.name) == (400, ["name"], "")
