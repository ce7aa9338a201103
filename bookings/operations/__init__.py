"""What keeps an installation running: the worker's heartbeat, its clock, notices before erasures, and the record of backups."""
