"""The web page: one FastAPI application with a map of scans, a comparison, and a page to try a patch on.

It is for one analyst on their own machine: it listens on loopback, loads nothing from other addresses, reads and writes
inside one work folder only, and lets GDAL open nothing that was not looked at first.
"""
