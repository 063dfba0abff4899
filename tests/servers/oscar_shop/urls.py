"""The shop's API below /api."""

from django.urls import include, path

urlpatterns = [path("api/", include("oscarapi.urls"))]
