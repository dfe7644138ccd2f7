"""Addresses of projects."""

from django.urls import path
from django.urls.resolvers import URLPattern

from projects.views import disputes, home, label

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("projects/<int:project_id>/label/", label.label, name="label"),
    path("projects/<int:project_id>/work/", label.work, name="work"),
    path("projects/<int:project_id>/mine/", label.my_labels, name="my-labels"),
    path("projects/<int:project_id>/disputes/", disputes.index, name="disputes"),
    path("projects/<int:project_id>/disputes/<int:dispute_id>/", disputes.detail, name="dispute"),
]
