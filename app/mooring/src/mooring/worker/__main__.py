"""``python -m mooring.worker``."""

import sys

from mooring.worker import forks  # noqa: F401 - first: see there
from mooring.worker.main import main

if __name__ == "__main__":
    sys.exit(main())
