"""Crashes told to Sentry, where SENTRY_DSN names one: what kind, where in our code, under which request's id. Nothing else."""

from django.http import HttpRequest


def crash(request: HttpRequest, error: BaseException) -> None: ...
