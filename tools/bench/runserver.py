"""``django-admin runserver`` without its log: one line per request would be measured, not the server."""

from __future__ import annotations

import logging
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    logging.getLogger("django.server").disabled = True
    execute_from_command_line(["manage.py", "runserver", "--noreload", "--skip-checks", sys.argv[1]])
