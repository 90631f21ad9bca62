"""The site by Django: `counting.django_entry:application`."""

from __future__ import annotations

import secrets

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from counting import answers, breakage

breakage.at_import()


def _plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain", headers=answers.HOLDER)


def _smoke(_request: HttpRequest) -> HttpResponse:
    return _plain(answers.smoke(), breakage.at_smoke())


def _count(request: HttpRequest) -> HttpResponse:
    return _plain(answers.counted(request.body))


def _version(_request: HttpRequest) -> HttpResponse:
    return _plain(answers.version("django"))


def _stream(_request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(answers.ticks(), content_type="text/plain")


urlpatterns = [
    path("", _smoke),
    path("count", _count),
    path("stream", _stream),
    path("version", _version),
]
settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY=secrets.token_urlsafe(50))
django.setup(set_prefix=False)
application = WSGIHandler()
