"""All addresses of the site."""

from django.urls import include, path

from annotator.views import me

urlpatterns = [
    path("me/", me.me, name="me"),
    path("theme/", me.theme, name="theme"),
    path("account/", include("allauth.account.urls")),
    path("", include("projects.urls")),
    path("", include("sampling.urls")),
]
