"""What all tests need of the process that they run in."""

from __future__ import annotations

import signal

# A shell without job control starts what it puts into the background with SIGINT ignored, and so does every child. Tests
# that press Ctrl-C would press it in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
