"""The site's own app: accounts, invitations, one-time links."""

from django.apps import AppConfig


class AnnotatorConfig(AppConfig):
    name = "annotator"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import register_converter

        from annotator import accounts, health  # noqa: F401  (connect signals)
        from annotator.converters import NumberConverter

        register_converter(NumberConverter, "num")
