"""The benchmark: the worker against other WSGI servers, on this machine, and the report of it."""
