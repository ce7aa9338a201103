from collections.abc import Callable
from typing import Any

from django.test import RequestFactory

from config.wsgi import application


def test_wsgi_application_answers(db: None) -> None:
    said: list[object] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
        said.append(status)
        return said.append

    response = application(RequestFactory().get("/accounts/login/").environ, start_response)
    response.close()

    assert said == ["200 OK"]
