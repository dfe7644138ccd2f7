"""Addresses of the loop."""

from django.urls import path
from django.urls.resolvers import URLPattern

from sampling.views import progress

urlpatterns: list[URLPattern] = [
    path("projects/<int:project_id>/progress/", progress.page, name="progress"),
    path("projects/<int:project_id>/progress/live/", progress.now_doing, name="progress-live"),
]
