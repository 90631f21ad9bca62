"""Django's URLconf, made from the core's routes."""

from django.urls import re_path

from multicloud.core.routes import ROUTES
from multicloud.django_web.views import not_found, server_error, view_of

urlpatterns = [re_path(route.pattern, view_of(route), name=route.name) for route in ROUTES]
handler404 = not_found
handler500 = server_error
