"""The WSGI application."""

import gc
import os
from typing import Final

from django.core.wsgi import get_wsgi_application

ALLOCATIONS_BETWEEN_COLLECTIONS: Final = (100_000, 50, 100)
"""Thresholds of the three generations. A month of bookings is some thousand objects without reference cycles; with Python's
default of 700, collecting garbage took a quarter of the response time."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
gc.freeze()  # objects loaded at the start are never garbage
gc.set_threshold(*ALLOCATIONS_BETWEEN_COLLECTIONS)
