"""What a browser posts for a form of a page if nobody touches it."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """The fields of one form, by its id; every value of a name, in order."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._form_id, self._is_inside, self._select, self._textarea = form_id, False, "", ""
        self.values: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name, kind = said.get("name", ""), said.get("type", "text")
        if tag == "form":
            self._is_inside = said.get("id") == self._form_id
        elif tag == "select":
            self._select = name if self._is_sent(said) else ""
        elif tag == "option" and "selected" in said and self._select:
            self.values.setdefault(self._select, []).append(said.get("value", ""))
        elif tag == "textarea" and self._is_sent(said):
            self._textarea, self.values[name] = name, [""]
        elif tag == "input" and self._is_sent(said):
            box = kind in ("checkbox", "radio")
            self.values.setdefault(name, []).append(said.get("value", "on" if box else ""))

    def _is_sent(self, said: dict[str, str]) -> bool:
        """Whether a browser sends it: not the pattern of rows that have yet to be added, nor a box that is not ticked."""
        name, kind = said.get("name", ""), said.get("type", "text")
        unticked = kind in ("checkbox", "radio") and "checked" not in said
        is_field = name and "__prefix__" not in name and kind not in ("submit", "button")
        return bool(self._is_inside and is_field and not unticked and "disabled" not in said)

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._textarea:
            self.values[self._textarea] = [self.values[self._textarea][0].removeprefix("\n").replace("\n", "\r\n")]
            self._textarea = ""
        if tag == "form":
            self._is_inside = False


def form_data(html: str, form_id: str) -> dict[str, Any]:
    fields = _Fields(form_id)
    fields.feed(html)
    return {name: values for name, values in fields.values.items() if name != "csrfmiddlewaretoken"}
