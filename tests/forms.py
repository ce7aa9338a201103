"""The forms of a page, read and sent as a browser does that runs no scripts."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client


@dataclass(frozen=True)
class Button:
    """What a button adds to what its form sends, and where it sends it; "" for what the form says."""

    name: str = ""
    value: str = ""
    action: str = ""

    @property
    def fields(self) -> dict[str, str]:
        return {self.name: self.value} if self.name else {}


@dataclass
class Form:
    """Where a form goes, and what it sends as it stands."""

    action: str = ""
    method: str = "get"
    id: str = ""
    fields: dict[str, list[str]] = field(default_factory=dict)
    passwords: list[str] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    """The values of each select."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.outside: list[tuple[str, Button]] = []
        """Buttons outside of the form that they name."""
        self._text: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower(), given.get("id", "")))
        elif tag == "button" and given.get("type", "submit") == "submit":
            self._button(given)
        elif not self.forms:
            return
        elif tag == "input" and given.get("name"):
            self._input(given)
        elif tag == "textarea":
            self._text = given["name"]
            self.forms[-1].fields.setdefault(given["name"], []).append("")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option":
            self._option(given)

    def _option(self, given: dict[str, str]) -> None:
        form, value = self.forms[-1], given.get("value", "")
        form.choices.setdefault(self._select, []).append(value)
        if "selected" in given:
            form.fields.setdefault(self._select, []).append(value)

    def _button(self, given: dict[str, str]) -> None:
        button = Button(given.get("name", ""), given.get("value", ""), given.get("formaction", ""))
        if "form" in given:
            self.outside.append((given["form"], button))
        elif self.forms:
            self.forms[-1].buttons.append(button)

    def _input(self, given: dict[str, str]) -> None:
        kind, form = given.get("type", "text"), self.forms[-1]
        if kind == "submit":
            self._button(given)
        if kind == "password":
            form.passwords.append(given["name"])
        if kind in ("submit", "button") or (kind in ("checkbox", "radio") and "checked" not in given):
            return
        unnamed = "on" if kind in ("checkbox", "radio") else ""
        form.fields.setdefault(given["name"], []).append(given.get("value", unnamed))

    def handle_data(self, data: str) -> None:
        if self._text:
            typed = self.forms[-1].fields[self._text]
            typed[-1] += data if typed[-1] else data.removeprefix("\r").removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None


def forms_of(answer: Any) -> list[Form]:
    reader = _Reader()
    reader.feed(answer.content.decode())
    for form in reader.forms:
        form.buttons += [button for name, button in reader.outside if form.id == name]
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
