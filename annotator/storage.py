"""Where static files are kept: compressed, under names that change with their content."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Rewrite what scripts import too: else a browser holds a part of an old version beside a new one."""

    support_js_module_import_aggregation = True
    # Of our own scripts alone: others show examples of imports in their comments.
    _js_module_import_aggregation_patterns = (
        "js/*.js",
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],
    )
