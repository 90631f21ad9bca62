"""The engine of green threads on Eventlet's hub. All that imports eventlet or greenlet is in here.

This module comes before anything of eventlet, which it imports as the worker wants it.
"""

from __future__ import annotations

import os
import warnings

with warnings.catch_warnings():
    # Eventlet announces its maintenance mode at each import. We know; other warnings stay.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated\.", category=Warning)
    # Host names are libc's (see resolver), unless the application's environment says no here
    RESOLVER = "EVENTLET_NO_GREENDNS"
    RESOLVER_CHOSEN = RESOLVER in os.environ
    os.environ.setdefault(RESOLVER, "yes")
    import eventlet  # noqa: F401
