"""What to label next."""

from django.apps import AppConfig


class SamplingConfig(AppConfig):
    name = "sampling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sampling import listeners  # noqa: F401  (connects the signals)
