"""The operation of an installation: the worker with its heartbeat and clock check, preflight checks, backups and the demo."""
