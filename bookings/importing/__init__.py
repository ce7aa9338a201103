"""Imports bookings from files of other systems, as `docs/importing.md` describes.

`files` opens the file as one of three sources (CSV, Excel workbook, calendar), `mapping` maps its columns to fields, `entries`
reads a row's cells, `identity` recognizes rows of earlier imports, `stations` creates the stations that a file names, and `run`
does it all, batch by batch.
"""
