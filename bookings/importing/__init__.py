"""Bookings from other systems' files: read and mapped (`files`), understood (`rows`), brought in (`running`)."""
