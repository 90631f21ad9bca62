"""``python -m mooring.worker``."""

import sys

from mooring.worker.main import main

if __name__ == "__main__":
    sys.exit(main())
