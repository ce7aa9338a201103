"""Environment variables of other processes of the product."""

import os


def with_database(url: str) -> dict[str, str]:
    """The environment for another process of the product, whose settings then name this database and no replica."""
    return os.environ | {"DATABASE_URL": url, "DATABASE_URL_FILE": "", "REPLICA_URL": "", "REPLICA_URL_FILE": ""}
