"""The documents name what exists."""

import re

import pytest

from tests.services import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", ["architecture", "quality"])
def test_every_test_that_a_document_relies_on_is_there(document):
    named = set(re.findall(r"`(test_\w+)`", (ROOT / f"docs/{document}.md").read_text()))
    written = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in written} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_variable_that_the_settings_read_is_explained():
    settings = (ROOT / "annotator/settings.py").read_text()
    read = set(re.findall(r'(?:environ\.get|env_flag|env_list)\(\s*"([A-Z_]+)"', settings))
    explained = (ROOT / "docs/operating.md").read_text()
    assert {name for name in read if f"`{name}`" not in explained} == set()
