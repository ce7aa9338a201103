"""Fixtures for a change of keys, step by step, and for other connected processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.apps import apps
from django.conf import settings as product
from django.db import connection, models

from accounts.encryption import EncryptedTextField
from accounts.encryption.keys import connection_name, key_id, new_key
from tests.bookings.importing.commands import Run, run


@dataclass
class Pair:
    """The key that goes and the one that comes, of one ring."""

    old: bytes
    new: bytes

    @property
    def old_id(self) -> str:
        return key_id(self.old).hex()

    @property
    def new_id(self) -> str:
        return key_id(self.new).hex()


@dataclass
class Change:
    """Both rings with both keys in an order: `change.to("new", "old")` writes under the new ones and reads both."""

    data: Pair
    index: Pair

    def to(self, *order: str) -> None:
        self.data_to(*order)
        self.index_to(*order)

    def data_to(self, *order: str) -> None:
        product.PII_KEYS = [getattr(self.data, which) for which in order]

    def index_to(self, *order: str) -> None:
        product.INDEX_KEYS = [getattr(self.index, which) for which in order]


@pytest.fixture
def change(settings: Any) -> Change:
    """Not yet begun: the old keys are alone. `settings` puts them back."""
    settings.PII_KEYS, settings.INDEX_KEYS = [*settings.PII_KEYS], [*settings.INDEX_KEYS]
    return Change(Pair(settings.PII_KEYS[0], new_key()), Pair(settings.INDEX_KEYS[0], new_key()))


def keys(*words: str) -> Run:
    """How `manage.py keys` ended."""
    return run("keys", *words)


@contextmanager
def connected(*, data: list[bytes], index: list[bytes]) -> Iterator[bool]:
    """Another process with these rings, connected to the database; whether anybody can know, which on SQLite nobody can."""
    if connection.vendor == "sqlite":
        yield False
        return
    name = connection_name({"data": data, "index": index})
    with psycopg.connect(**{**connection.get_connection_params(), "application_name": name, "cursor_factory": None}):
        yield True


@pytest.fixture
def diary(transactional_db: None) -> "Iterator[type[models.Model]]":
    """A model that somebody has added to the product, with encrypted columns that `keys` was never told of."""

    class Diary(models.Model):  # noqa: DJ008
        id = models.UUIDField(primary_key=True, default=uuid4)
        text = EncryptedTextField()
        mood = EncryptedTextField(null=True)

        class Meta:
            app_label = "accounts"

    with connection.schema_editor() as editor:
        editor.create_model(Diary)
    yield Diary
    with connection.schema_editor() as editor:
        editor.delete_model(Diary)
    del apps.all_models["accounts"]["diary"]
    apps.clear_cache()
