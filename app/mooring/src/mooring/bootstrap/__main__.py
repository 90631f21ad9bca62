"""`python -m mooring.bootstrap`."""

import sys

from mooring.bootstrap.main import main

if __name__ == "__main__":
    sys.exit(main())
