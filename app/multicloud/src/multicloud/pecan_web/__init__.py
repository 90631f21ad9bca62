"""The API by Pecan: a root controller over the core."""
