"""Sign-up by invitation only."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Close the open door: an account comes with an invitation."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
