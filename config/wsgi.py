"""What the server loads."""

import gc
import os
from typing import Final

from django.core.wsgi import get_wsgi_application

ALLOCATIONS_BETWEEN_COLLECTIONS: Final = (100_000, 50, 100)
"""A month of bookings is some thousand objects, none of them in a circle: looked through each 700, as Python does unasked, that
took a quarter of the answer's time."""

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
gc.freeze()  # what is loaded by now stays for good
gc.set_threshold(*ALLOCATIONS_BETWEEN_COLLECTIONS)
