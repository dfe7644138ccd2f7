"""Addresses of the loop."""

from django.urls import path
from django.urls.resolvers import URLPattern

from sampling.views import features, feedback, models, opinion, progress, whatif

urlpatterns: list[URLPattern] = [
    path("projects/<num:project_id>/settings/features/", features.page, name="settings-features"),
    path(
        "projects/<num:project_id>/settings/features/live/",
        features.now_doing,
        name="settings-features-live",
    ),
    path("projects/<num:project_id>/progress/", progress.page, name="progress"),
    path("projects/<num:project_id>/progress/live/", progress.now_doing, name="progress-live"),
    path("projects/<num:project_id>/items/<num:number>/opinion/", opinion.opinion, name="opinion"),
    path("projects/<num:project_id>/models/", models.index, name="models"),
    path("projects/<num:project_id>/models/feedback/", feedback.page, name="model-feedback"),
    path("projects/<num:project_id>/models/<num:number>/", models.version, name="model"),
    path("projects/<num:project_id>/models/<num:number>/use/", models.put_in_use, name="model-use"),
    path("projects/<num:project_id>/models/<num:number>/download/", models.download, name="model-download"),
    path("projects/<num:project_id>/what-if/", whatif.page, name="what-if"),
    path("projects/<num:project_id>/what-if/live/", whatif.now_doing, name="what-if-live"),
    path("projects/<num:project_id>/what-if/stop/", whatif.stop, name="what-if-stop"),
]
