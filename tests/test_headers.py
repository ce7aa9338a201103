"""What every answer tells the browser: the whole set of headers, on every address there is, here and as in production."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import unquote

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import path

from accounts.models import User
from config import api_schema, urls
from stations.models import Station
from tests.config.test_settings import PRODUCTION, read
from tests.factories import PASSWORD
from tests.test_access import NAME, ROWS, Row, World, new_world, undone, world

__all__ = ["world"]

pytestmark = pytest.mark.looks

ROLES: Final = ("nobody", "viewer", "stranger", "root")

ABOUT_CONTENT: Final = {
    *("Allow", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "ETag"),
    *("Expires", "Last-Modified", "Location", "Retry-After", "Vary", "WWW-Authenticate", "X-Request-Id"),
}
"""Headers that say what an answer is. All others are compared, so that none comes or goes unseen."""

ALWAYS: Final = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), "
        "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), "
        "publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OF_SCRIPTS_AND_STYLES: Final = {
    "Content-Security-Policy": {"": ""},
    **{name: ALWAYS[name] for name in ("Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Content-Type-Options")},
}
"""The others are for documents, and no browser reads them of a script or a style sheet."""
BY_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000"}
POLICY: Final = {
    "default-src": "'none'",
    "script-src": "",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
"""Without a nonce, an empty list: no script at all."""
NEVER_KEPT: Final = "max-age=0, no-cache, no-store, must-revalidate, private"
"""What Django's own decorator makes of `no-store`: alike."""
ASKED_AGAIN: Final = {
    "api/bookings/admin/weekly",
    "api/bookings/admin/monthly",
    "api/stations/<str:code>/slots",
    "feeds/<str:secret>.ics",
}
"""What a caller keeps, and asks about each time with `If-None-Match`: integrators' calendars, and calendar programs'. A copy
is theirs alone and never used unasked. The pages' own script keeps its ETag by itself, and its answers stand in no cache.
"""


def guards(answer: Any) -> dict[str, Any]:
    """Every header but those about content; the policy by its parts, its nonce as NONCE."""
    found: dict[str, Any] = {name: value for name, value in answer.items() if name not in ABOUT_CONTENT}
    policy = re.sub(r"'nonce-[\w+/]{22}=='", "NONCE", found.get("Content-Security-Policy", ""))
    parts = (part.partition(" ") for part in policy.split("; "))
    cache = found.get("Cache-Control", "").replace(NEVER_KEPT, "no-store")
    return {**found, "Cache-Control": cache, "Content-Security-Policy": {name: value for name, _space, value in parts}}


def expected(row: Row, answer: Any) -> dict[str, Any]:
    """Pages run what bears their nonce, the admin's own pages this site's files, all else nothing."""
    if answer["Content-Type"].startswith("text/javascript"):
        return {**OF_SCRIPTS_AND_STYLES, "Cache-Control": "no-store"}
    policy, cache, more = {**POLICY}, "no-store", {}
    if row.route.startswith("admin/") and row.route != "admin/login/" and answer.status_code not in (403, 404):
        policy["script-src"] = "'self'"
    elif "<script" in text_of(answer):
        policy["script-src"] = "NONCE"
    if row.route == "api/docs/":
        policy["img-src"] = "'self' data:"
    if row.route in ASKED_AGAIN and row.method == "GET" and answer.status_code == 200 and is_for_programs(answer):
        cache = "private, no-cache"
    if row.route.startswith(("accounts/forgotten/", "accounts/new-password/")):
        more = {"Referrer-Policy": "strict-origin"}
    if row.route.startswith("feeds/<str"):
        more = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
    return {**ALWAYS, "Cache-Control": cache, "Content-Security-Policy": policy, **more}


def is_for_programs(answer: Any) -> bool:
    return not answer["Content-Type"].startswith("text/html")


def text_of(answer: Any) -> str:
    return "" if answer.streaming or is_for_programs(answer) else answer.content.decode()


def walk(world: World, *, roles: Iterable[str] = ROLES, **client: Any) -> Iterator[tuple[str, Row, Any]]:
    """The answers of every address to each role: what is read by a browser and by a program, what is written."""
    for row in ROWS:
        hows: list[dict[str, Any]] = [{}]
        if row.method == "GET" and row.route.startswith("api/"):
            hows.append({"by_token": False, "accept": "text/html"})
        for role in roles:
            for how in hows:
                yield role, row, undone(world, role, row.method, row.route, client=Client(**client), **how)


def differences(world: World, besides: dict[str, str], **client: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for role, row, answer in walk(world, **client):
        seen, wanted = guards(answer), {**expected(row, answer), **besides}
        wrong = {name: seen.get(name) for name in {*seen, *wanted} if seen.get(name) != wanted.get(name)}
        if wrong:
            found[f"{role} {row.method} /{row.route} {answer.status_code}"] = wrong
    return found


HTTPS: Final[dict[str, Any]] = {"SERVER_NAME": "book.example.com", "HTTP_X_FORWARDED_PROTO": "https"}
"""As a request comes from the proxy that ends TLS."""


@pytest.fixture
def built(db: None) -> World:
    """For each test, as some here have a kitchen of their own."""
    return new_world()


@pytest.fixture
def production(settings: LazySettings) -> Iterator[None]:
    """What the settings of production say of cookies, addresses and encryption; database, keys and files stay the tests'."""
    kinds = (
        "SECURE_",
        "SESSION_COOKIE_",
        "CSRF_",
        "LANGUAGE_COOKIE_",
        "CONTENT_SECURITY_",
        "ALLOWED_HOSTS",
        "PRODUCTION",
    )
    for name, value in read(**PRODUCTION, TRUSTED_PROXIES="1").items():
        if name.startswith(kinds):
            setattr(settings, name, value)
    api_schema.document_at.cache_clear()
    yield
    api_schema.document_at.cache_clear()


@pytest.mark.slow
def test_headers_of_every_address(world: World) -> None:
    assert differences(world, {}) == {}


@pytest.mark.slow
def test_headers_of_every_address_in_production(world: World, production: None) -> None:
    assert differences(world, BY_HTTPS, **HTTPS) == {}


def crash(request: Any) -> Any:
    raise RuntimeError


class WithCrash:
    """The product's addresses, and one that always crashes."""

    urlpatterns = [path("crash/", crash), path("api/crash/", crash), *urls.urlpatterns]
    handler400, handler403, handler404 = urls.handler400, urls.handler403, urls.handler404
    handler500 = urls.handler500


@pytest.mark.parametrize(
    ("status", "address", "headers"),
    [
        (404, "/nowhere/", {}),
        (404, "/static/nowhere.js", {}),
        (400, "/", {"Host": "elsewhere.example"}),
        (405, "/accounts/logout/", {}),
        (500, "/crash/", {}),
        (500, "/api/crash/", {}),
    ],
)
def test_headers_of_what_no_view_answers(
    db: None, settings: LazySettings, status: int, address: str, headers: dict[str, str]
) -> None:
    settings.ROOT_URLCONF = WithCrash

    answer = Client(raise_request_exception=False).get(address, headers=headers)

    assert (answer.status_code, guards(answer)) == (
        status,
        {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": POLICY},
    )


def test_headers_of_a_form_without_its_protection(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/")

    assert (answer.status_code, guards(answer)) == (
        403,
        {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": POLICY},
    )


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("icon.svg", {**ALWAYS, "Content-Security-Policy": POLICY}),
        ("page.js", OF_SCRIPTS_AND_STYLES),
        ("page.css", OF_SCRIPTS_AND_STYLES),
    ],
)
def test_headers_of_a_file(db: None, settings: LazySettings, tmp_path: Any, name: str, headers: dict[str, Any]) -> None:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / name).write_text("content")

    answer = Client().get(f"/static/{name}")

    assert b"".join(answer) == b"content"
    answer.close()
    assert guards(answer) == {**headers, "Cache-Control": "max-age=60, public"}


def test_headers_of_what_a_script_has_already(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    seen = client.get("/calendar/week/", headers={"X-Part": "calendar"})

    answer = client.get("/calendar/week/", headers={"X-Part": "calendar", "If-None-Match": seen["ETag"]})

    assert (answer.status_code, guards(answer)) == (
        304,
        {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": POLICY},
    )


def test_plain_http_leads_to_https_in_production_and_nowhere_else(db: None, production: None) -> None:
    answer = Client(SERVER_NAME="book.example.com").get("/calendar/week/?station=kitchen")

    assert (answer.status_code, answer["Location"]) == (301, "https://book.example.com/calendar/week/?station=kitchen")
    assert guards(answer) == {**ALWAYS, "Cache-Control": "no-store", "Content-Security-Policy": POLICY}


def test_cookies_of_production_are_bound_to_host_and_https(staff: User, production: None) -> None:
    client = Client(**HTTPS)
    client.get("/accounts/login/")
    client.post("/language/", {"language": "de"})
    client.post("/accounts/login/", {"email": staff.email, "password": PASSWORD})

    assert {name: attributes_of(client.cookies, name) for name in client.cookies} == {
        name: {"path": "/", "domain": "", "secure": True, "httponly": True, "samesite": "Lax"}
        for name in ("__Host-stationbook_session", "__Host-stationbook_csrf", "__Host-stationbook_language")
    }


def attributes_of(cookies: SimpleCookie, name: str) -> dict[str, Any]:
    return {about: cookies[name][about] for about in ("path", "domain", "secure", "httponly", "samesite")}


class Page(HTMLParser):
    """What a page runs and where it leads."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.nonces: set[str] = set()
        self.inline: list[str] = []
        self.addresses: list[str] = [answer.get("Location", "")]
        self.feed(text_of(answer))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.inline += [f"{tag} {name}" for name in attributes if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in attributes) else []
        if tag == "script":
            self.nonces.add(attributes.get("nonce", ""))
        self.addresses += [
            unquote(attributes[name]) for name in ("href", "src", "action", "formaction") if name in attributes
        ]


@pytest.mark.slow
def test_no_page_has_inline_scripts_or_styles(world: World) -> None:
    found = {
        row.route: page.inline for _role, row, answer in walk(world, roles=["root"]) if (page := Page(answer)).inline
    }

    assert found == {}


def test_scripts_of_a_page_bear_its_nonce_and_each_page_another(client: Client, staff: User, station: Station) -> None:
    client.force_login(staff)
    addresses = ["/calendar/week/", "/calendar/week/", "/bookings/new/", "/api/", "/api/docs/"]
    answers = [client.get(address, headers={"Accept": "text/html"}) for address in addresses]

    nonces = [re.findall(r"'nonce-([^']+)'", answer["Content-Security-Policy"]) for answer in answers]
    assert [sorted(Page(answer).nonces) for answer in answers] == nonces
    assert len({nonce for [nonce] in nonces}) == len(addresses)


@pytest.mark.slow
def test_no_address_holds_personal_data(world: World) -> None:
    """Neither one that an answer leads to nor one that a page offers; but those that write a mail or dial."""
    marks = [NAME.split()[0], "quill@example.com"]
    offered = [
        (row.route, address)
        for _role, row, answer in walk(world, roles=["root"])
        for address in Page(answer).addresses
        if not address.startswith(("mailto:", "tel:"))
    ]

    assert [one for one in offered if any(mark.lower() in one[1].lower() for mark in marks)] == []
    assert len(offered) > 1000
