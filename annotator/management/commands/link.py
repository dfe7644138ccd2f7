"""manage.py link EMAIL: print a one-time sign-in link."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotator import accounts
from annotator.models import User
from projects.models import Membership


class Command(BaseCommand):
    help = "Print a link that signs one person in, once, within a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the person's address")
        parser.add_argument(
            "--invite",
            action="store_true",
            help="print an invitation to create an account that may create projects instead",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        email = options["email"].strip().lower()
        if options["invite"]:
            path = accounts.invite(None, Membership.Role.ADMIN, email)
        else:
            user = User.objects.filter(email=email, is_active=True).first()
            if user is None:
                raise CommandError(
                    f"Nobody here has the address {email}. Add --invite to invite them as staff."
                )
            path = accounts.make_sign_in_link(user)
        self.stdout.write(f"{settings.SITE_URL}{path}")
