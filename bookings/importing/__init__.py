"""Bookings imported from a file of another system; `docs/importing.md` describes it for people.

`files` opens the file as one of three sources (CSV, workbook, calendar), `mapping` says which columns feed which field,
`entries` reads a row's cells, `identity` recognises rows again, `stations` makes the stations that a file names, and `running`
does it all, batch by batch.
"""
