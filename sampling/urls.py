"""Addresses of the loop."""

from django.urls import path
from django.urls.resolvers import URLPattern

from sampling.views import features, feedback, models, opinion, progress, whatif

urlpatterns: list[URLPattern] = [
    path("projects/<int:project_id>/settings/features/", features.page, name="settings-features"),
    path(
        "projects/<int:project_id>/settings/features/live/",
        features.now_doing,
        name="settings-features-live",
    ),
    path("projects/<int:project_id>/progress/", progress.page, name="progress"),
    path("projects/<int:project_id>/progress/live/", progress.now_doing, name="progress-live"),
    path("projects/<int:project_id>/items/<int:number>/opinion/", opinion.opinion, name="opinion"),
    path("projects/<int:project_id>/models/", models.index, name="models"),
    path("projects/<int:project_id>/models/feedback/", feedback.page, name="model-feedback"),
    path("projects/<int:project_id>/models/<int:number>/", models.version, name="model"),
    path("projects/<int:project_id>/models/<int:number>/use/", models.put_in_use, name="model-use"),
    path("projects/<int:project_id>/models/<int:number>/download/", models.download, name="model-download"),
    path("projects/<int:project_id>/what-if/", whatif.page, name="what-if"),
    path("projects/<int:project_id>/what-if/live/", whatif.now_doing, name="what-if-live"),
    path("projects/<int:project_id>/what-if/stop/", whatif.stop, name="what-if-stop"),
]
