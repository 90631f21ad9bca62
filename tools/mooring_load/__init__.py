"""The load generator that proves, or disproves, that no request fails: `python -m mooring_load --help`."""
