"""Ways to stop a worker in a test."""

from bookings.operations.worker import Stop


class StopAtFirstPause(Stop):
    """Let a worker do what is due once, without waiting."""

    def wait(self, seconds: float = float("inf")) -> None:
        self.request()
