"""Forms about people themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotator.models import Invitation, User

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm


class MeForm(UserForm):
    """What a person may change about themselves."""

    theme = forms.ChoiceField(
        label=gettext_lazy("Colours"),
        choices=[
            ("auto", gettext_lazy("As this device says")),
            ("light", gettext_lazy("Light")),
            ("dark", gettext_lazy("Dark")),
        ],
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=[("", gettext_lazy("As this browser asks")), *settings.LANGUAGES],
    )

    class Meta:
        model = User
        fields = ["name", "theme", "language", "single_keys", "mail_notices"]
        labels = {
            "name": gettext_lazy("Name"),
            "single_keys": gettext_lazy("Single keys act"),
            "mail_notices": gettext_lazy("Notices by mail"),
        }
        help_texts = {
            "name": gettext_lazy("Others in your projects see it. Left blank, they see your e-mail address."),
            "single_keys": gettext_lazy(
                "One key answers, skips or flags. Switch it off if you speak to your computer or press "
                "keys by accident: every action stays reachable by Tab and Enter."
            ),
            "mail_notices": gettext_lazy(
                "What you have not read here after ten minutes, together in one mail, at most one an hour."
            ),
        }


class RegisterForm(forms.Form):
    """A new account, by invitation."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        help_text=gettext_lazy("At least 10 characters, and not a common password."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invitation.email:
            # A disabled field keeps its initial value, whatever is sent.
            self.fields["email"].disabled = True
            self.fields["email"].initial = invitation.email

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(_("There is an account with this address. Sign in to accept."))
        return email

    def clean(self) -> dict[str, Any]:
        found = self.cleaned_data
        password = found.get("password")
        if password:
            try:
                validate_password(password, User(email=found.get("email", ""), name=found.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return found
