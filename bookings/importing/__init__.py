"""Bookings brought in from a CSV file of another system; `docs/importing.md` tells it for people.

`source` reads the file, `mapping` makes its cells a booking's fields, `identity` knows rows again, `stations`
makes the stations that a file names, and `running` does it all, batch by batch.
"""
