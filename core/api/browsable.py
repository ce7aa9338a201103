"""The renderer of the browsable API: responses as pages with links and forms."""

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
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core.api.browsable_actions import BrowsableAction
from core.api.serializers import StrictSerializer

LINKED_IDS = {"booking_id": "api-booking-detail", "customer_id": "api-customer-detail"}
"""URL names by the keys whose values they take as argument."""


class BrowsableView(Protocol):
    """The part of a view that its page needs."""

    def get_view_name(self) -> str: ...

    def get_view_description(self) -> str: ...

    def get_query_serializer_class(self) -> type[StrictSerializer] | None: ...

    def get_browsable_actions(self, data: Any) -> Iterable[BrowsableAction]:
        """The requests to offer as forms, given the `data` of the response."""


class BrowsableRenderer(BaseRenderer):
    """A response as a page, without inline scripts and styles, which the Content-Security-Policy forbids."""

    media_type = "text/html"
    format = "api"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        view, request, response = (renderer_context[name] for name in ("view", "request", "response"))
        context = {
            "title": view.get_view_name(),
            "description": view.get_view_description(),
            "response": response,
            "headers": sorted(response.items()),
            "body": add_links(format_json(data), request),
            "parameters": query_parameters(view.get_query_serializer_class(), request),
            "actions": self._actions(view, response, data),
        }
        return loader.render_to_string("rest_framework/browse.html", context, request._request)

    def _actions(self, view: BrowsableView, response: Response, data: Any) -> list[dict[str, Any]]:
        """The forms of a page, for successful responses and for a GET of a URL that only takes writes."""
        if response.status_code not in (200, 405):
            return []
        actions = view.get_browsable_actions(data.get("data"))
        return [{"action": action, "body": format_json(action.body)} for action in actions]


def format_json(data: Any) -> str:
    return orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2).decode()


def add_links(text: str, request: Request) -> SafeString:
    """Escape a response's JSON, and turn URLs of the API and IDs of bookings and customers into links."""
    root = re.escape(escape(request.build_absolute_uri("/api/")))
    html = re.sub(rf"&quot;({root}(?:[^&\s\\]|&amp;)*)&quot;", r'&quot;<a href="\1">\1</a>&quot;', escape(text))
    for key, name in LINKED_IDS.items():
        pattern = rf"(?<!\\)(&quot;{key}&quot;: &quot;)([0-9a-f-]{{36}})(?=&quot;)"
        html = re.sub(pattern, partial(_link, name), html)
    return mark_safe(html)  # noqa: S308  # nosec B308, B703  # escaped above, and the links are our own URLs


def _link(url_name: str, match: re.Match[str]) -> str:
    return f'{match[1]}<a href="{escape(reverse(url_name, args=[match[2]]))}">{match[2]}</a>'


def query_parameters(serializer_class: type[StrictSerializer] | None, request: Request) -> list[dict[str, Any]]:
    """The inputs of the form for query parameters, each with its current value."""
    fields = serializer_class().fields.items() if serializer_class else ()
    return [
        {
            "name": name,
            "value": request.query_params.get(name, ""),
            "required": field.required,
            "choices": list(getattr(getattr(field, "child", field), "choices", [])),
            "type": "date" if name.startswith("date_") else "text",
        }
        for name, field in fields
        if name != "cursor"
    ]
