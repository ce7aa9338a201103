"""Somebody who manages the kitchen, and their browser."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts import roles
from accounts.models import User
from stations.models import Station
from tests.factories import person

SignIn = Callable[..., Client]


@pytest.fixture
def manager(station: Station) -> User:
    return person(roles.MANAGERS, station)


@pytest.fixture
def admin(manager: User, client: Client) -> Client:
    client.force_login(manager)
    return client


@pytest.fixture
def admin_with(client: Client, station: Station) -> SignIn:
    """`admin_with(roles.VIEW, …)`: the browser of somebody of the kitchen who manages, and has these rights besides."""

    def sign_in(*rights: str) -> Client:
        group = Group.objects.create(name="Keepers")
        names = [right.partition(".")[2] for right in (roles.MANAGE, *rights)]
        group.permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(person("Keepers", station))
        return client

    return sign_in
