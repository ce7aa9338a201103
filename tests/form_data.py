"""What a browser posts for a form that nobody has changed."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """The fields of one form, by its id; every value of a name, in order."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._form_id, self._is_inside, self._select, self._textarea = form_id, False, "", ""
        self.values: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        name, kind = attributes.get("name", ""), attributes.get("type", "text")
        if tag == "form":
            self._is_inside = attributes.get("id") == self._form_id
        elif tag == "select":
            self._select = name if self._is_sent(attributes) else ""
        elif tag == "option" and "selected" in attributes and self._select:
            self.values.setdefault(self._select, []).append(attributes.get("value", ""))
        elif tag == "textarea" and self._is_sent(attributes):
            self._textarea, self.values[name] = name, [""]
        elif tag == "input" and self._is_sent(attributes):
            box = kind in ("checkbox", "radio")
            self.values.setdefault(name, []).append(attributes.get("value", "on" if box else ""))

    def _is_sent(self, attributes: dict[str, str]) -> bool:
        """Whether a browser sends it: not the pattern of rows that have yet to be added, nor a box that is not ticked."""
        name, kind = attributes.get("name", ""), attributes.get("type", "text")
        unticked = kind in ("checkbox", "radio") and "checked" not in attributes
        is_field = name and "__prefix__" not in name and kind not in ("submit", "button")
        return bool(self._is_inside and is_field and not unticked and "disabled" not in attributes)

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
