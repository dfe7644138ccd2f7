"""Addresses of the loop."""

from django.urls import path
from django.urls.resolvers import URLPattern

from sampling.views import opinion, progress

urlpatterns: list[URLPattern] = [
    path("projects/<int:project_id>/progress/", progress.page, name="progress"),
    path("projects/<int:project_id>/progress/live/", progress.now_doing, name="progress-live"),
    path("projects/<int:project_id>/items/<int:number>/opinion/", opinion.opinion, name="opinion"),
]
