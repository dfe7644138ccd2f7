"""All addresses of the site."""

from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.account.urls")),
    path("", include("projects.urls")),
    path("", include("sampling.urls")),
]
