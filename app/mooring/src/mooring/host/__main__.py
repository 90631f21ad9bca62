"""`python -I -m mooring.host`: one call, as JSON on standard input; see `mooring.host.dispatch`."""

from __future__ import annotations

import sys

from mooring.host import dispatch
from mooring.host.calls import find

if __name__ == "__main__":
    sys.exit(dispatch.serve(find, sys.stdin.buffer, sys.stdout))
