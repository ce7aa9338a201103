"""A process of the product's, under its own settings, with views that crash over personal data. Called with a secret and a
session's key. Prints the status of each answer; what it logs goes where the product's log goes.
"""

import os
import sys
from contextlib import suppress
from typing import Any

import django

django.setup()

from django.db import DataError, IntegrityError, connection  # noqa: E402
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

from accounts.models import User  # noqa: E402
from config import urls  # noqa: E402
from tests.personal_data import EMAIL, NAME, PHONE, SPECIAL_REQUESTS  # noqa: E402


def crash(request: HttpRequest, secret: str) -> HttpResponse:
    name, wishes, body = NAME, [SPECIAL_REQUESTS], request.body
    list(User.objects.filter(email=EMAIL))
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [EMAIL])
    with suppress(DataError), connection.execute_wrapper(refuse):
        list(User.objects.all())
    try:
        raise IntegrityError(f"DETAIL: Key (phone)=({PHONE}) is still there, {wishes}")
    except IntegrityError as error:
        raise RuntimeError(f"{name} {body!r} {secret}") from error


def refuse(*_call: Any) -> Any:
    """As a database does that quotes what it was given."""
    raise DataError(f"invalid input syntax: {EMAIL}")


def broken(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Any:
        yield b"begun"
        raise RuntimeError(EMAIL)

    return StreamingHttpResponse(pieces())


class WithCrash:
    urlpatterns = [path("crash/<str:secret>/", crash), path("api/crash/<str:secret>", crash), path("broken/", broken)]
    urlpatterns += urls.urlpatterns  # type: ignore[arg-type]
    handler400, handler403, handler404 = urls.handler400, urls.handler403, urls.handler404
    handler500 = urls.handler500


if __name__ == "__main__":
    from django.conf import settings as used

    secret, cookie = sys.argv[1:]
    used.ROOT_URLCONF = WithCrash
    used.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    client = Client(raise_request_exception=False)
    client.cookies[used.SESSION_COOKIE_NAME] = cookie
    headers = {"Authorization": f"Bearer {secret}", "Referer": f"http://testserver/?q={EMAIL}", "User-Agent": NAME}
    for address in (f"/crash/{secret}/?q={EMAIL}", f"/api/crash/{secret}?q={EMAIL}"):
        words = {"name": NAME, "email": EMAIL, "phone": PHONE, "wishes": SPECIAL_REQUESTS}
        print(client.post(address, words, headers=headers).status_code)
    try:
        answer: Any = client.get("/broken/")
        answer.getvalue()
    except Exception as error:
        print(type(error).__name__)
    assert User.objects.exists()
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from config.observability import tracing

        tracing.flush()
