"""Which words a model went by: found by leaving each out, after the round, without touching it."""

from __future__ import annotations

from zipfile import BadZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.models import Project, QueueEntry
from projects.suggesting import STREAMS
from sampling import rounds, words
from sampling.models import Round
from sampling.predicting import Predictor
from tests.factories import make_items
from tests.loops import label, live, turn, wish, with_model

Stream = QueueEntry.Stream


# --- words ---


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words.spans(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My card, “stolen”!", ["My", "card", "stolen"]),
        ("don't e-mail", ["don't", "e-mail"]),
        ("🙂 café (naïve) 🙂", ["🙂", "café", "naïve", "🙂"]),
        ("سُرِقَت بطاقتي.", ["سُرِقَت", "بطاقتي"]),
        ("卡被偷了", ["卡", "被", "偷", "了"]),
        ("หนี้", ["ห", "นี้"]),
        ("iPhone坏了", ["iPhone", "坏", "了"]),
        (" … !? ", []),
    ],
)
def test_words_are_cut_at_spaces_and_where_a_script_has_none(text, found):
    assert cut(text) == found


@given(st.text(max_size=60))
def test_words_lie_in_the_text_one_after_the_other(text):
    ends = [at for span in words.spans(text) for at in span]
    assert ends == sorted(ends)
    assert all(start < end <= len(text) for start, end in words.spans(text))


def test_a_word_goes_with_one_of_the_spaces_around_it():
    assert words.without("my card is", (3, 7)) == "my is"
    assert words.without("my card", (3, 7)) == "my "


# --- what matters ---


def test_margins_by_hand():
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.1, 0.7]])
    assert words.margins(proba, 0, multi=False).tolist() == pytest.approx([0.3, -0.5])
    assert words.margins(proba, 0, multi=True).tolist() == pytest.approx([0.1, -0.3])


def test_the_words_that_matter_most_in_the_order_of_the_text():
    left_out = [0.5, 0.1, 0.49, 0.9, 0.3]
    assert words.weighty(np.array([0.5, *left_out])).tolist() == [1, 4]
    assert len(words.weighty(np.array([0.9, *[0.1] * 9]))) == words.MOST


# --- rounds ---


@pytest.fixture
def learnt() -> Project:
    project = with_model()
    wish(project, highlight=True)
    label(project, 10)
    turn(project)
    return project


def marked(project: Project) -> list[QueueEntry]:
    return [entry for entry in live(project) if "words" in entry.reason]


@pytest.mark.django_db
def test_the_words_are_marked_that_tell_the_kinds_apart(learnt):
    found = marked(learnt)
    assert found
    for entry in found:
        text = entry.item.text
        said = {text[start:end] for start, end in entry.reason["words"]}
        assert said & (
            {"red", "apple", "cherry", "and"} if "red" in text else {"blue", "sky", "sea", "over", "the"}
        )
        assert len(said) <= words.MOST


@pytest.mark.django_db
def test_only_what_may_be_suggested_is_marked(learnt):
    assert {entry.stream for entry in marked(learnt)} <= set(STREAMS)
    assert not [entry for entry in live(learnt, stream=Stream.HOLDOUT) if "words" in entry.reason]


@pytest.mark.django_db
def test_nothing_is_marked_where_the_policy_does_not_ask_for_it():
    project = with_model()
    label(project, 10)
    turn(project)
    assert not marked(project)


@pytest.mark.django_db
def test_a_round_with_marked_words_is_replayed_the_same(learnt):
    then, now = rounds.replay(learnt.rounds.latest("number"))
    assert marked(learnt)
    assert then == now


@pytest.mark.django_db
def test_marking_changes_nothing_else_of_a_reason_and_may_be_repeated(learnt):
    before = {entry.pk: entry.reason for entry in live(learnt)}
    assert words.after(learnt.rounds.latest("number")) == len(marked(learnt))
    assert {entry.pk: entry.reason for entry in live(learnt)} == before


@pytest.mark.django_db
def test_no_text_is_looked_at_once_the_time_is_over(learnt, monkeypatch):
    monkeypatch.setattr(words, "SECONDS", 0.0)
    assert words.after(learnt.rounds.latest("number")) == 0


@pytest.mark.django_db
def test_a_long_text_is_left_out(learnt):
    entry = marked(learnt)[0]
    (long,) = make_items(learnt, ["red apple " * 101])
    plain = {name: value for name, value in entry.reason.items() if name != "words"}
    QueueEntry.objects.filter(pk=entry.pk).update(item=long, reason=plain)
    assert words.after(learnt.rounds.latest("number")) > 0
    entry.refresh_from_db()
    assert entry.reason == plain


@pytest.mark.django_db
def test_an_item_that_is_asked_for_another_reason_meanwhile_keeps_that_one(learnt):
    entry = marked(learnt)[0]
    QueueEntry.objects.filter(pk=entry.pk).update(stream=Stream.AGAIN, reason={"why": "lead_asked"})
    assert words._keep(entry, [(0, 3)]) == 0
    entry.refresh_from_db()
    assert entry.reason == {"why": "lead_asked"}


@pytest.mark.django_db
def test_a_reason_that_changed_meanwhile_is_left_as_it_is(learnt):
    entry = marked(learnt)[0]
    QueueEntry.objects.filter(pk=entry.pk).update(reason={**entry.reason, "note": "look here"})
    assert words._keep(entry, [(0, 3)]) == 0
    assert QueueEntry.objects.get(pk=entry.pk).reason["note"] == "look here"


@pytest.mark.django_db
def test_an_opinion_about_no_label_is_passed_over(learnt):
    entry = marked(learnt)[0]
    reason = {**entry.reason, "top": []}
    QueueEntry.objects.filter(pk=entry.pk).update(reason=reason)
    words.after(learnt.rounds.latest("number"))
    assert QueueEntry.objects.get(pk=entry.pk).reason == reason


@pytest.mark.django_db
@pytest.mark.parametrize("error", [KeyError("idf"), BadZipFile("cut short"), EOFError()])
def test_features_that_cannot_be_read_leave_a_published_round_as_it_is(learnt, monkeypatch, error):
    def broken(*_args):
        raise error

    monkeypatch.setattr(Predictor, "proba", broken)
    assert words.after(learnt.rounds.latest("number")) == 0


@pytest.mark.django_db
def test_a_round_that_is_not_published_is_left_alone(learnt):
    newest = learnt.rounds.latest("number")
    Round.objects.filter(pk=newest.pk).update(state=Round.State.QUEUED)
    assert words.after(newest) == 0
