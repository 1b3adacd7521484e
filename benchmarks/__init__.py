"""How fast and how frugal the program is, beside others and beside its own limits. Run with ``make bench``."""
