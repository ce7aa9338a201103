"""Django's PostgreSQL, but that a connection's health is looked at rather than asked for.

Django asks `SELECT 1` before the first statement of each request. A server that has gone away, or is about to, has said so on the
connection's socket by then: nothing to read there means nothing happened.
"""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether the connection may be used: the server has said nothing since the last answer, or still answers."""
        if self.connection is None or self.connection.closed:
            return False
        said_something, _write, _error = select.select([self.connection.fileno()], [], [], 0)
        return not said_something or super().is_usable()
