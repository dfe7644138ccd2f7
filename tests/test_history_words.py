"""The history in words: every field that an event keeps has a name, or is for the machine alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import audit, history, history_names
from projects.trust import known, standing
from tests.factories import make_items, make_lead, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("Post", labels=["refund", "card"])


def keys(node: ast.AST, functions: dict[str, ast.FunctionDef], depth: int = 0) -> Iterator[str]:
    """The names in the dictionaries of an expression, also of functions of its module that it calls."""
    for one in ast.walk(node):
        if isinstance(one, ast.Dict):
            yield from (str(key.value) for key in one.keys if isinstance(key, ast.Constant))
        called = one.func if isinstance(one, ast.Call) else None
        name = getattr(called, "id", getattr(called, "attr", ""))
        if depth < 2 and name in functions:
            yield from keys(functions[name], functions, depth + 1)


def written(path: Path) -> set[str]:
    """The fields of the two sides of the events that a module writes."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    functions = {one.name: one for one in nodes if isinstance(one, ast.FunctionDef)}
    sides: list[ast.AST] = []
    for one in nodes:
        if isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign) and one.value is not None:
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            names = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            sides += [one.value] if names & {"before", "after", "facts"} else []
        elif isinstance(one, ast.keyword) and one.arg in {"before", "after", "facts"}:
            sides.append(one.value)
        elif isinstance(one, ast.Call) and getattr(one.func, "id", "") == "let_in":
            sides += one.args
    return {name for side in sides for name in keys(side, functions)}


# Written by modules that write events, but not into these: facts of items, of notices, and of files.
ELSEWHERE = {"posterior", "method", "source", "person", "signal", "standing", "settled_at", "comment"}


def test_every_field_that_the_code_writes_has_a_name_or_is_hidden():
    files = [path for app in ("projects", "sampling", "annotator") for path in Path(app).rglob("*.py")]
    writers = [path for path in files if "audit.record(" in path.read_text()]
    found = set().union(*(written(path) for path in writers))
    assert {"gold", "member", "votes", "assigned", "qualified", "warned", "asked again", "dropped"} <= found
    assert found - history_names.NAMES.keys() - history_names.HIDDEN - ELSEWHERE == set()


def lines(event, project) -> list[tuple[str, str, str]]:
    (told,) = history.told(project, [event])
    return [(one.name, one.before, one.after) for one in told.changes]


def test_a_known_item_is_told_by_the_names_of_labels(project):
    refund, card = project.labels.all()
    lead = make_lead(project)
    settled = {"state": "settled", "settled_source": "adjudicated", "settled_labels": [refund.pk]}
    (item,) = make_items(project, 1, **settled)
    known.confirm(lead, [item.number])
    known.change(lead, item.number, [[refund.pk], [card.pk]])
    known.change(lead, item.number, [], "Both are meant.")
    acts = project.events.filter(action__startswith="gold.").order_by("pk")
    assert [lines(event, project) for event in acts] == [
        [("Right answer", "", "refund")],
        [("Right answer", "refund", "refund or card")],
        [("Right answer", "refund or card", "none: no known item any more")],
    ]


def test_a_pause_is_told_without_numbers_of_the_database(project):
    lead, fay = make_lead(project), make_member(project, "Fay")
    standing.pause(fay, lead.user, "Talk to me.")
    standing.lift(fay, lead.user, "We talked.")
    acts = project.events.filter(action__startswith="person.").order_by("pk")
    assert [lines(event, project) for event in acts] == [
        [("Paused", "no", "by a lead")],
        [("Paused", "by a lead", "no")],
    ]


def test_guidelines_that_touch_nothing_do_not_read_as_a_failure(project):
    event = audit.record(project, None, "guidelines.followed", "4", after={"items": 0})
    said = [("Items that were touched", "", "none: no label had to be looked at again")]
    assert lines(event, project) == said


def test_a_spot_check_is_told_by_the_names_of_labels(project):
    refund, card = project.labels.all()
    before, after = {"label_ids": [refund.pk]}, {"label_ids": [card.pk], "right": False}
    event = audit.record(project, None, "spot.checked", before=before, after=after)
    assert lines(event, project) == [("Answer", "refund", "card"), ("The check agrees", "", "no")]
    event = audit.record(project, None, "spot.checked", before={"label_ids": None}, after={"label_ids": []})
    assert lines(event, project) == [("Answer", "nobody can tell", "none of these")]


def test_ids_stay_unseen_where_the_names_stand_beside_them(project):
    event = audit.record(project, None, "label.merged", "card", after={"into": "refund", "label_ids": [1, 2]})
    assert lines(event, project) == [("Into", "", "refund")]
