"""The API by Django, as a WSGI application: ``multicloud.django_web.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

from multicloud.core.broker import broker
from multicloud.core.requestlog import RequestLog

os.environ["DJANGO_SETTINGS_MODULE"] = "multicloud.django_web.settings"

application = RequestLog(get_wsgi_application(), broker().settings)
