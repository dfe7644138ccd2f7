"""Compute a past round again from its snapshot, and say whether the same batch comes out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sampling import rounds
from sampling.models import Round


class Command(BaseCommand):
    help = "Compute a past round again. Ends with 0 when the same batch comes out, else with 1."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("round", type=int, help="Id of a round; with --project, its number.")
        parser.add_argument("--project", type=int, help="Id of a project: then its round of this number.")

    def handle(self, *_args: Any, **options: Any) -> None:
        round_ = _round(options["round"], options["project"])
        name = f"Round {round_.number} of project {round_.project_id}"
        if round_.state != Round.State.DONE:
            raise CommandError(
                f"{name} is {round_.get_state_display().lower()}: it has no batch to compare with."
            )
        try:
            then, today = rounds.replay(round_)
        except ValueError as error:
            raise CommandError(f"{name} cannot be computed again: {error}.") from error
        if then != today:
            same = len(set(then) & set(today))
            raise CommandError(f"{name}: another batch. Of {len(then)} items, {same} were picked again.")
        self.stdout.write(f"{name}: the same {len(then)} items in the same order.")


def _round(number: int, project: int | None) -> Round:
    """The round that is meant; CommandError where there is none."""
    wanted = {"pk": number} if project is None else {"project": project, "number": number}
    found = Round.objects.filter(**wanted).first()
    if found is None:
        where = "with this id" if project is None else f"of this number in project {project}"
        raise CommandError(f"There is no round {where}: {number}.")
    return found
