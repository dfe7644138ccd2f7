"""What every test shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db.backends.sqlite3.base import DatabaseWrapper
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A browser test wants a site and a worker of its own, and a database that no other test empties:
# `pytest tests/e2e`.
E2E = Path(__file__).parent / "e2e"

# By way of its wrapper: imported by itself it would be imported in a circle.
DatabaseOperations = DatabaseWrapper.ops_class
guard = import_module("projects.migrations.0002_events_are_kept")

# A busy machine is slow, not wrong.
hypothesis_settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("ours")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Run the browser tests only where they are named."""
    if collection_path == E2E and not any("e2e" in argument for argument in config.args):
        return True
    return None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database: reads or writes the database (set by itself)")
    config.addinivalue_line("markers", "pages: a page that one database is enough for (set by itself)")


def pytest_report_header() -> str:
    return f"database: {os.environ['ANNOTATOR_TEST_DATABASE']}"


# Dear tests of what is worked out in arrays, in templates or by processes: the database only holds it, and
# other tests ask it the same. Once is enough.
ONCE = {
    "test_access_everywhere",
    "test_demonstration",
    "test_feedback",
    "test_figures",
    "test_known_hidden",
    "test_models_pages",
    "test_predict",
    "test_qualification",
    "test_queue_people",
    "test_records_pages",
    "test_replay",
    "test_rounds_features",
    "test_rounds_policies",
    "test_scoring_processes",
    "test_serve",
    "test_settings_access",
    "test_streams",
    "test_whatif",
}


# Pages and their forms ask by the ORM, as other tests do on both: once is enough, on what serves in earnest.
PAGES = {
    "test_agreement_page",
    "test_anchoring",
    "test_comments",
    "test_disputes_acts",
    "test_disputes_bulk",
    "test_disputes_pages",
    "test_disputes_shown",
    "test_features_page",
    "test_files_access",
    "test_guideline_versions",
    "test_history_words",
    "test_home",
    "test_keymap",
    "test_known_pages",
    "test_label_examples",
    "test_label_migration_pages",
    "test_my_labels",
    "test_notices",
    "test_notices_undone",
    "test_policy_quality",
    "test_progress",
    "test_progress_figures",
    "test_reading",
    "test_settings_items",
    "test_settings_pages",
    "test_setup_actions",
    "test_setup_pages",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a database, so that each of the two runs what it has to: see the Makefile."""
    fixtures = {"db", "transactional_db", "live_server", "client", "admin_client", "site"}
    for item in items:
        named = fixtures.intersection(getattr(item, "fixturenames", ()))
        if (item.get_closest_marker("django_db") or named) and item.path.stem not in ONCE:
            item.add_marker("database")
            if item.path.stem in PAGES:
                item.add_marker("pages")


@pytest.fixture(autouse=True, scope="session")
def emptied_with_events() -> Iterator[None]:
    """Let SQLite empty its tables after a test of transactions: a trigger refuses to delete events."""
    empty = DatabaseOperations.sql_flush

    def with_events(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        verbs = ("UPDATE", "DELETE")
        off = [f"DROP TRIGGER projects_event_no_{verb}" for verb in verbs]
        on = [guard.SQLITE.format(verb=verb, refusal=guard.REFUSAL) for verb in verbs]
        return [*off, *empty(self, style, tables, **options), *on]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", with_events)
        yield


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    """Let no test see what another one cached: ids, and the paths made of them, begin again."""
    yield
    cache.clear()
    caches["near"].clear()
    for module, name in (("sampling.shards", "opened"), ("sampling.features", "_opened")):
        if module in sys.modules:
            getattr(sys.modules[module], name).cache_clear()
