"""How far people follow suggestions: the arithmetic by hand, a crowd with a known effect, and the page."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from projects import policies
from projects.models import Annotation, Dispute, Item, Label, Membership, Project, Resolution, SpotCheck
from projects.quality.anchoring import ENOUGH, Arm, difference, pace
from projects.trust import anchoring, anchoring_words
from tests.factories import make_items, make_lead, make_member, make_project

# --- arithmetic ---


def test_newcombe_by_hand():
    found = difference(Arm(56, 70), Arm(48, 80))  # Newcombe 1998, table II, (a), method 10.
    assert (found.points, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert found.proven


def test_without_answers_on_one_side_nothing_is_known():
    found = difference(Arm(5, 10), Arm(0, 0))
    assert (found.low, found.high, found.enough, found.proven) == (-1.0, 1.0, False, False)


def test_more_followers_than_answers_are_refused():
    with pytest.raises(ValueError, match="3 of 2"):
        difference(Arm(3, 2), Arm(0, 1))


ARMS = st.integers(1, 60).flatmap(lambda n: st.builds(Arm, st.integers(0, n), st.just(n)))


@given(ARMS, ARMS)
def test_the_interval_holds_the_difference_and_turns_round_with_the_sides(shown, blind):
    found, turned = difference(shown, blind), difference(blind, shown)
    assert -1 <= found.low <= found.points <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_a_crowd_with_a_known_effect_is_covered_as_often_as_promised():
    rng = np.random.default_rng(5)
    # A wrong suggestion is given by chance by 30 %, and by 12 points more of those who see it.
    shown, blind = rng.binomial(80, 0.42, 400), rng.binomial(40, 0.30, 400)
    found = [difference(Arm(int(a), 80), Arm(int(b), 40)) for a, b in zip(shown, blind, strict=True)]
    assert 0.92 <= np.mean([one.low <= 0.12 <= one.high for one in found]) <= 0.985
    assert np.mean([one.points for one in found]) == pytest.approx(0.12, abs=0.01)


def test_medians_are_compared_and_an_hour_away_from_the_desk_does_no_harm():
    shown, blind = [3.0] * 30 + [3600.0], [4.0] * 31
    found = pace(shown, blind)
    assert found
    assert (found.shown, found.blind, found.saved, found.enough) == (3.0, 4.0, 1.0, True)
    assert pace([], blind) is None


def test_the_interval_of_the_time_saved_covers_the_truth():
    rng = np.random.default_rng(3)
    true = np.exp(1.8) - np.exp(1.5)
    found = [pace(list(rng.lognormal(1.5, 0.6, 80)), list(rng.lognormal(1.8, 0.6, 40))) for _ in range(300)]
    assert 0.92 <= np.mean([one.low <= true <= one.high for one in found if one]) <= 0.99


# --- sentences ---


def test_the_sentence_says_points_interval_and_both_counts():
    said = anchoring_words.wrong(difference(Arm(56, 70), Arm(48, 80)))
    assert said == (
        "People follow a wrong suggestion 20 points more often than without it "
        "(95 % interval 5 to 33), from 70 + 80 answers."
    )
    assert "20 points less often" in anchoring_words.wrong(difference(Arm(48, 80), Arm(56, 70)))


def test_what_may_be_chance_is_called_so_and_few_answers_too():
    assert "Nobody can tell yet" in anchoring_words.wrong(difference(Arm(15, 30), Arm(14, 30)))
    few = anchoring_words.wrong(difference(Arm(15, 30), Arm(1, ENOUGH - 1)))
    assert few.startswith("Too few answers yet")
    assert "30" in few
    assert str(ENOUGH - 1) in few


def test_time_is_told_with_its_interval():
    assert "save 1.0 seconds" in anchoring_words.pace(pace([3.0] * 30, [4.0] * 30))
    assert "cost 1.0 seconds" in anchoring_words.pace(pace([4.0] * 30, [3.0] * 30))
    assert "No clear difference" in anchoring_words.pace(pace([1.0, 9.0] * 20, [1.0, 9.0] * 20))
    assert "Too few" in anchoring_words.pace(pace([1.0], [2.0]))


# --- evidence ---


class World(SimpleNamespace):
    project: Project
    a: Label
    b: Label
    ann: Membership
    ben: Membership
    cat: Membership
    lea: Membership


@pytest.fixture
def world(db: None) -> World:
    policy = {"suggest": "always", "gold_share": 0.0, "holdout_share": 0.0, "agreement_share": 0.0}
    project = make_project(labels=["a", "b"], policy=policy)
    a, b = project.labels.order_by("position")
    people = {name: make_member(project, name.title()) for name in ("ann", "ben", "cat")}
    return World(project=project, a=a, b=b, lea=make_lead(project), **people)


def say(
    world: World, person: Membership, item: Item, label: Label, how: str | None = None, **more: Any
) -> Annotation:
    """An answer; with ``how`` it met the suggestion «a»."""
    met = {"labels": [world.a.pk], "p": 0.7, "how": how, "ms": None} if how else None
    fields = {"submission": more.pop("id", None) or uuid4(), "suggestion": met, **more}
    return Annotation.objects.create(
        project=world.project, item=item, annotator=person.user, labels=[label.pk], **fields
    )


def item_of(world: World, **fields: Any) -> Item:
    (item,) = make_items(world.project, 1, **fields)
    return item


def report(world: World) -> anchoring.Report:
    cache.clear()
    return anchoring.report(world.project, anchoring.periods(world.project)[0])


def test_what_was_worked_out_is_kept_until_somebody_answers(world, monkeypatch):
    item = item_of(world)
    say(world, world.ann, item, world.a, "always")
    (period, *_older) = anchoring.periods(world.project)
    first = report(world)
    monkeypatch.setattr(anchoring, "_measure", lambda *_: "anew")
    assert anchoring.report(world.project, period) == first


def wrong_ones(world: World) -> tuple[int, int]:
    """Followed, and all answers to suggestions that proved wrong, seen and blind together."""
    found = report(world).wrong
    return found.shown.followed + found.blind.followed, found.n


def test_shares_of_both_sides_are_counted(world):
    for how, label in [("always", world.a), ("always", world.a), ("always", world.b), ("blind", world.b)]:
        say(world, world.ann, item_of(world), label, how)
    found = report(world).every
    assert (found.shown, found.blind) == (Arm(2, 3), Arm(0, 1))


def test_two_others_who_agree_show_a_suggestion_to_be_wrong(world):
    item = item_of(world)
    say(world, world.ann, item, world.a, "always")
    say(world, world.ben, item, world.b)
    assert wrong_ones(world) == (0, 0)
    say(world, world.cat, item, world.b)
    assert wrong_ones(world) == (1, 1)


def test_ones_own_answer_is_no_evidence(world):
    item = item_of(world)
    say(world, world.ann, item, world.b, "always")
    say(world, world.ben, item, world.b)
    assert wrong_ones(world) == (0, 0)


def test_others_who_differ_among_themselves_show_nothing(world):
    item = item_of(world)
    say(world, world.ann, item, world.a, "blind")
    for person, label in [(world.ben, world.b), (world.cat, world.a)]:
        say(world, person, item, label)
    assert wrong_ones(world) == (0, 0)


def decide(world: World, item: Item, lead: Membership, *labels: Label, outcome: str = "labelled") -> Dispute:
    dispute = Dispute.objects.create(project=world.project, item=item, state=Dispute.State.RESOLVED)
    chosen = [label.pk for label in labels]
    Resolution.objects.create(dispute=dispute, item=item, lead=lead.user, outcome=outcome, labels=chosen)
    Item.objects.filter(pk=item.pk).update(state=Item.State.SETTLED, settled_labels=chosen)
    return dispute


def test_a_leads_decision_shows_it_unless_it_is_the_persons_own_or_taken_back(world):
    item, own = item_of(world), item_of(world)
    say(world, world.ann, item, world.a, "always")
    dispute = decide(world, item, world.lea, world.b)
    say(world, world.lea, own, world.b, "always")
    decide(world, own, world.lea, world.b)
    assert wrong_ones(world) == (1, 1)
    Dispute.objects.filter(pk=dispute.pk).update(state=Dispute.State.UNDONE)
    assert wrong_ones(world) == (0, 0)


def test_where_several_labels_are_acceptable_each_is_right(world):
    item = item_of(world)
    say(world, world.ann, item, world.a, "always")
    decide(world, item, world.lea, world.a, world.b, outcome="both")
    assert wrong_ones(world) == (0, 0)


def test_known_answers_and_spot_checks_show_it(world):
    known, checked = item_of(world, gold=[[world.b.pk]]), item_of(world)
    say(world, world.ann, known, world.a, "blind")
    say(world, world.ann, checked, world.b, "always")
    SpotCheck.objects.create(project=world.project, item=checked, lead=world.lea.user, labels=[world.b.pk])
    assert wrong_ones(world) == (1, 2)


def test_a_label_that_was_merged_is_the_one_it_became(world):
    item = item_of(world, gold=[[world.b.pk]])
    say(world, world.ann, item, world.a, "always")
    world.project.labels.filter(pk=world.a.pk).update(merged_into=world.b, retired_at=now())
    assert wrong_ones(world) == (0, 0)
    assert report(world).every.shown == Arm(1, 1)


def test_only_first_answers_of_people_who_count_are_compared(world):
    first = say(world, world.ann, item_of(world), world.a, "always")
    say(world, world.ann, first.item, world.b, "revealed", revision=2, supersedes=first)
    say(world, world.ben, item_of(world), world.a, "always")
    Membership.objects.filter(pk=world.ben.pk).update(excluded_at=now())
    assert report(world).every.shown == Arm(1, 1)


def test_a_crowd_that_follows_is_found_out_from_stored_answers(world):
    rng = np.random.default_rng(1)
    for how, n, share in [("always", 80, 0.6), ("blind", 40, 0.2)]:
        for item in make_items(world.project, n, gold=[[world.b.pk]]):
            say(world, world.ann, item, world.a if rng.random() < share else world.b, how, active_ms=3000)
    found = report(world)
    assert found.wrong.proven
    assert found.wrong.low <= 0.4 <= found.wrong.high
    assert (found.wrong.shown.n, found.wrong.blind.n) == (80, 40)
    assert found.people[0].name == "Ann"
    assert found.pace
    assert found.pace.saved == 0


# --- periods ---


def test_a_new_period_begins_when_suggestions_are_shown_otherwise(world):
    policies.change(world.project, None, {"batch_size": 70})
    policies.change(world.project, None, {"suggest": "key"})
    policies.change(world.project, None, {"suggest": "hidden"})
    policies.change(world.project, None, {"suggest": "key", "blind_share": 0.5})
    found = anchoring.periods(world.project)
    assert [(one.number, one.suggest, one.blind, one.until is None) for one in found] == [
        (3, "key", 0.5, True),
        (2, "key", 0.1, False),
        (1, "always", 0.1, False),
    ]


def test_answers_of_another_period_are_not_counted(world):
    say(world, world.ann, item_of(world), world.a, "always", created_at=now() - timedelta(days=1))
    assert report(world).every.n == 0


def test_who_could_look_is_counted_on_a_key(world):
    policies.change(world.project, None, {"suggest": "key"})
    for how in ("revealed", "unseen", "unseen", "blind"):
        say(world, world.ann, item_of(world), world.a, how)
    found = report(world)
    assert found.looked == Arm(1, 3)
    assert found.every.shown.n == 3


# --- pages ---


def page(client, world: World, who: Membership, name: str = "suggestions") -> Any:
    client.force_login(who.user)
    return client.get(reverse(name, args=[world.project.pk]))


def test_leads_see_the_page_and_annotators_do_not(client, world):
    say(world, world.ann, item_of(world), world.a, "always")
    found = page(client, world, world.lea)
    assert found.status_code == 200
    assert b"Too few answers yet" in found.content
    assert b"too few to say: 0 answers on one side" in found.content
    assert page(client, world, world.ann).status_code == 403


def test_the_page_says_so_where_nobody_ever_saw_a_suggestion(client, db):
    project = make_project()
    found = page(client, World(project=project), make_lead(project))
    assert b"Nobody has seen a suggestion before answering" in found.content


SENT = {"suggest": "key", "blind_share": "20", "likely_first": "on", "bulk": "on", "bulk_check": "25"}


def send(client, world: World, **changes: str) -> Any:
    admin = make_member(world.project, "Ada", Membership.Role.ADMIN)
    client.force_login(admin.user)
    return client.post(reverse("settings-labelling", args=[world.project.pk]), {**SENT, **changes})


def test_the_settings_make_a_new_version_and_are_written_down(client, world):
    assert send(client, world, language="pt-BR", reason="To try").status_code == 302
    policy = world.project.policy
    chosen = (
        policy.suggest,
        policy.blind_share,
        policy.likely_first,
        policy.highlight,
        policy.bulk,
        policy.bulk_check,
    )
    assert (policy.version, chosen) == (2, ("key", 0.2, True, False, True, 0.25))
    world.project.refresh_from_db()
    assert world.project.language == "pt-BR"
    events = {event.action: event for event in world.project.events.all()}
    assert events["policy.changed"].reason == "To try"
    assert events["project.changed"].after == {"language": "pt-BR"}


def test_a_language_that_is_none_is_refused_and_nothing_is_changed(client, world):
    found = send(client, world, language="Portuguese of Brazil")
    assert found.status_code == 422
    assert b"This is no language tag" in found.content
    assert world.project.policy.version == 1


def test_only_admins_change_how_people_label(client, world):
    assert page(client, world, world.lea, "settings-labelling").status_code == 403


def test_pictures_have_neither_words_nor_a_language(client, world):
    Project.objects.filter(pk=world.project.pk).update(media="image")
    admin = make_member(world.project, "Ada", Membership.Role.ADMIN)
    text = page(client, world, admin, "settings-labelling").content.decode()
    assert 'name="suggest"' in text
    assert 'name="highlight"' not in text
    assert 'id="id_language"' not in text
