"""URLs of viewsets: with and without their final slash."""

import pytest
from django.urls import ResolverMatch, URLPattern
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from core.api.routers import OptionalSlashRouter


class BoatViewSet(ViewSet):
    def list(self, request: Request) -> Response:
        return Response([])

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(pk)

    @action(detail=False)
    def moored(self, request: Request) -> Response:
        return Response([])

    @action(detail=True, methods=["post"], url_path="status/", url_name="status")
    def change_status(self, request: Request, pk: str) -> Response:
        return Response(pk)


def urls(*, trailing_slash: bool) -> list[URLPattern]:
    router = OptionalSlashRouter(trailing_slash=trailing_slash)
    router.register("boats", BoatViewSet, basename="boat")
    return [url for url in router.urls if isinstance(url, URLPattern)]


def resolve(path: str, *, trailing_slash: bool = True) -> ResolverMatch | None:
    return next(filter(None, (url.resolve(path) for url in urls(trailing_slash=trailing_slash))), None)


def test_links_end_in_a_slash_but_for_actions_that_do_not_say_so() -> None:
    assert [(str(url.pattern), url.name) for url in urls(trailing_slash=True)] == [
        ("boats/", "boat-list"),
        ("boats/moored", "boat-moored"),
        ("boats/<str:pk>/", "boat-detail"),
        ("boats/<str:pk>/status/", "boat-status"),
    ]


def test_links_of_a_router_without_slashes_have_none() -> None:
    assert [str(url.pattern) for url in urls(trailing_slash=False)][:3] == ["boats", "boats/moored", "boats/<str:pk>"]


@pytest.mark.parametrize("trailing_slash", [True, False])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("boats", "boat-list"),
        ("boats/moored", "boat-moored"),
        ("boats/7", "boat-detail"),
        ("boats/7/status", "boat-status"),
    ],
)
def test_url_matches_with_and_without_its_slash(path: str, name: str, trailing_slash: bool) -> None:
    matches = [resolve(path, trailing_slash=trailing_slash), resolve(f"{path}/", trailing_slash=trailing_slash)]

    assert [match.url_name if match else None for match in matches] == [name, name]
    assert resolve(f"{path}//", trailing_slash=trailing_slash) is None
