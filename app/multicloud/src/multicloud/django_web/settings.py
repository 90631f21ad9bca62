"""Django's settings: production only. There is no debug mode, no database, no session, no template."""

from __future__ import annotations

import secrets
from typing import Any

from multicloud.core.broker import broker

DEBUG = False
ALLOWED_HOSTS = list(broker().settings.allowed_hosts)
# Nothing signs anything here: no session, no cookie, no token. Django wants a key all the same, so each
# process draws one.
SECRET_KEY = secrets.token_urlsafe(64)
ROOT_URLCONF = "multicloud.django_web.urls"
WSGI_APPLICATION = "multicloud.django_web.wsgi.application"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
DATABASES: dict[str, Any] = {}
USE_TZ = True
USE_I18N = False

# Django's deployment check asks for three middlewares that protect pages and forms in a browser. The API has
# neither, nor a cookie that a forged request could ride on; and they would add header fields to answers that
# belong to the drivers.
SILENCED_SYSTEM_CHECKS = [
    "security.W001",  # SecurityMiddleware; TLS and HSTS are the server's and the load balancer's
    "security.W002",  # XFrameOptionsMiddleware; there is no page to frame
    "security.W003",  # CsrfViewMiddleware; credentials come in header fields that no browser adds by itself
]

# Statuses are in the request log. Only an exception that the core did not see is worth a line here.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "exceptions": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: record.exc_info is not None,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.request": {"handlers": ["stderr"], "filters": ["exceptions"], "propagate": False},
    },
}
