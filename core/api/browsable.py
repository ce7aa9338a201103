"""The API as pages, for a person with a browser: the same answers, with links to follow and forms to send."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

import orjson
from django.template import loader
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.reverse import reverse

from core.api.browsable_actions import Door
from core.api.serializers import StrictSerializer

IDS = {"booking_id": "api-booking", "customer_id": "api-customer"}
"""Keys of an answer whose value leads to an address."""


class BrowsableView(Protocol):
    """A view that can say what somebody may do next with what they see."""

    def doors(self, data: Any) -> Iterable[Door]: ...


class BrowsableRenderer(BaseRenderer):
    """An answer as a page. No inline script or style: the product's own policy holds here as everywhere."""

    media_type = "text/html"
    format = "api"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        view, request, response = (renderer_context[name] for name in ("view", "request", "response"))
        context = {
            "title": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(view).__name__),
            "description": (type(view).__doc__ or "").strip(),
            "response": response,
            "headers": sorted(response.items()),
            "body": linked(pretty(data), request),
            "parameters": parameters(view.query, request) if view.query else [],
            "doors": self._doors(view, request, response, data),
        }
        return loader.render_to_string("rest_framework/browse.html", context, request._request)

    def _doors(self, view: BrowsableView, request: Request, response: Any, data: Any) -> list[dict[str, Any]]:
        """The forms of a page that answers, or that says that reading is not what the address is for."""
        if response.status_code not in (200, 405):
            return []
        doors = view.doors(data.get("data"))
        return [{"door": door, "body": pretty(door.body)} for door in doors]


def pretty(data: Any) -> str:
    return orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2).decode()


def linked(text: str, request: Request) -> SafeString:
    """The answer's text, escaped, with links where a value is an address of the API or the id of something."""
    home = re.escape(escape(request.build_absolute_uri("/api/")))
    html = re.sub(rf"&quot;({home}(?:[^&\s\\]|&amp;)*)&quot;", r'&quot;<a href="\1">\1</a>&quot;', escape(text))
    for key, name in IDS.items():
        pattern = rf"(?<!\\)(&quot;{key}&quot;: &quot;)([0-9a-f-]{{36}})(?=&quot;)"
        html = re.sub(pattern, partial(_link, name), html)
    return mark_safe(html)  # noqa: S308  # nosec B308, B703  # escaped above; what is put in are our own addresses


def _link(name: str, hit: re.Match[str]) -> str:
    return f'{hit[1]}<a href="{escape(reverse(name, args=[hit[2]]))}">{hit[2]}</a>'


def parameters(query: type[StrictSerializer], request: Request) -> list[dict[str, Any]]:
    """The fields of a form that asks for a query, each with what was asked last."""
    return [
        {
            "name": name,
            "value": request.query_params.get(name, ""),
            "required": field.required,
            "words": list(getattr(getattr(field, "child", field), "choices", [])),
            "type": "date" if name.startswith("date_") else "text",
        }
        for name, field in query().fields.items()
        if name != "cursor"
    ]
