"""The forms of a page, read and sent as a browser does that runs no scripts."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client


@dataclass
class Form:
    """Where a form goes, and what it sends as it stands."""

    action: str = ""
    fields: dict[str, list[str]] = field(default_factory=dict)
    passwords: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._text: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif not self.forms:
            return
        elif tag == "input" and given.get("name"):
            self._input(given)
        elif tag == "textarea":
            self._text = given["name"]
            self.forms[-1].fields.setdefault(given["name"], []).append("")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and "selected" in given:
            self.forms[-1].fields.setdefault(self._select, []).append(given["value"])

    def _input(self, given: dict[str, str]) -> None:
        kind, form = given.get("type", "text"), self.forms[-1]
        if kind == "password":
            form.passwords.append(given["name"])
        if kind in ("submit", "button") or (kind in ("checkbox", "radio") and "checked" not in given):
            return
        form.fields.setdefault(given["name"], []).append(given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._text:
            self.forms[-1].fields[self._text][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None


def forms_of(answer: Any) -> list[Form]:
    reader = _Reader()
    reader.feed(answer.content.decode())
    return reader.forms


def password_form(answer: Any) -> Form | None:
    """The form that asks for the current password; None where there is none."""
    return next((form for form in forms_of(answer) if "old" in form.passwords), None)


def submit(client: Client, answer: Any, **typed: str) -> Any:
    """Fill in the form that asks for the current password, and send it."""
    form = password_form(answer)
    assert form
    address = form.action or answer.wsgi_request.get_full_path()
    return client.post(address, {**form.fields, **typed})
