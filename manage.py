#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config.environment import read_settings_file
    from core.version import VERSION

    if sys.argv[1:] in (["version"], ["--version"]):  # which Django would answer with its own
        print(f"Stationbook {VERSION}")
        return
    try:
        read_settings_file()  # before the log and its metrics are imported
        from config.observability import logging

        sys.excepthook = logging.log_unhandled
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"The settings are not complete: {wrong}")


if __name__ == "__main__":
    main()
