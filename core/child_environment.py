"""Environment variables for child processes that run the product's own commands."""

import os


def with_database(url: str) -> dict[str, str]:
    """This process's environment with `url` as the database and without a replica."""
    return os.environ | {"DATABASE_URL": url, "DATABASE_URL_FILE": "", "REPLICA_URL": "", "REPLICA_URL_FILE": ""}
