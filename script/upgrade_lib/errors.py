"""What stops an upgrade, in sentences for whoever runs it."""


class UpgradeError(Exception):
    """Nothing that runs was changed; the sentence says why, and what to do."""


class UnhealthyError(Exception):
    """A server of the new release does not answer as it should."""
