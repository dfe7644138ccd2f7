"""Forms of set-up and settings: they read what people typed; the actions decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import files, guidelines, labelset
from projects.models import (
    GuidelineNote,
    GuidelineVersion,
    Item,
    Label,
    Membership,
    Project,
    QueueEntry,
    Upload,
)

if TYPE_CHECKING:
    OfProject = forms.ModelForm[Project]
    OfLabel = forms.ModelForm[Label]
else:
    OfProject = OfLabel = forms.ModelForm

MOST_INVITED: Final = 50
KNOWN: Final = [
    ("", gettext_lazy("Nothing: leave them out")),
    ("seed", gettext_lazy("Seed: trust them, the model learns from them at once")),
    ("gold", gettext_lazy("Gold: keep them secret, and check people against them")),
]


class ProjectForm(OfProject):
    """What is labelled, and how."""

    class Meta:
        model = Project
        fields = ["name", "media", "task"]
        labels = {
            "name": gettext_lazy("Name of the project"),
            "media": gettext_lazy("What will people look at?"),
            "task": gettext_lazy("How many labels may an item get?"),
        }
        widgets = {"media": forms.RadioSelect, "task": forms.RadioSelect}

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class GeneralForm(OfProject):
    """Name and question of a project at work."""

    class Meta:
        model = Project
        fields = ["name", "question"]
        labels = {"name": gettext_lazy("Name"), "question": gettext_lazy("Question")}
        help_texts = {"question": gettext_lazy("Stands above the labels while people work.")}


class SourceForm(forms.Form):
    """Where items come from: a file, or pasted lines."""

    file = forms.FileField(label=gettext_lazy("File"), required=False, max_length=200, allow_empty_file=True)
    lines = forms.CharField(
        label=gettext_lazy("Or paste texts, one a line"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )

    # Set where a file is there already: then a new one is not needed.
    may_be_empty = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = cleaned.get("file") or cleaned.get("lines", "").strip()
        if not self.errors and not given and not self.may_be_empty:
            raise forms.ValidationError(_("Choose a file, or paste some lines."))
        return cleaned


class ColumnsForm(forms.Form):
    """What each column of a file is."""

    content = forms.ChoiceField(label=gettext_lazy("The text"))
    id = forms.ChoiceField(
        label=gettext_lazy("An id"),
        required=False,
        help_text=gettext_lazy("With an id the same row never comes in twice."),
    )
    label = forms.ChoiceField(
        label=gettext_lazy("A known label"),
        required=False,
        help_text=gettext_lazy("Some rows may have one, others none."),
    )
    known = forms.ChoiceField(
        label=gettext_lazy("What the known labels are for"),
        required=False,
        choices=KNOWN,
        widget=forms.RadioSelect,
    )
    separator = forms.CharField(
        label=gettext_lazy("Between several labels in a cell"),
        required=False,
        max_length=3,
        help_text=gettext_lazy("For example ; or |. Leave it blank where a cell holds one label."),
    )
    keep = forms.MultipleChoiceField(
        label=gettext_lazy("Keep as well"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Comes out again with every export. People who label do not see it."),
    )
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)
    delimiter = forms.ChoiceField(label=gettext_lazy("Between columns"), required=False)

    def __init__(self, upload: Upload, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        report, chosen = upload.report, upload.columns
        names = list(report.get("columns") or [])
        # A choice that the file no longer offers stays visible, so that nothing changes silently.
        names += [name for name in (chosen.get("content"), chosen.get("id"), chosen.get("label")) if name]
        choices = [(name, name) for name in dict.fromkeys(names)]
        found = _("Found out: %(name)s") % {"name": report.get("encoding", "?")}
        offers: dict[str, list[Any]] = {
            "content": choices,
            "id": [("", _("none")), *choices],
            "label": [("", _("none")), *choices],
            "keep": choices,
            "encoding": [("", found), *files.ENCODINGS],
            "delimiter": [("", _("Found out")), *files.DELIMITERS.items()],
        }
        for field, options in offers.items():
            self.fields[field].choices = options  # type: ignore[attr-defined]
        # Where nothing could be read, only the reading itself can be chosen.
        self.fields["content"].required = bool(choices)
        if upload.project.media == Project.Media.IMAGE:
            del self.fields["content"], self.fields["encoding"]
        if report.get("kind") != "csv":
            del self.fields["delimiter"]
        if report.get("kind") in {"json", "jsonl"} or upload.project.task == Project.Task.SINGLE:
            del self.fields["separator"]

    def choices(self, upload: Upload) -> dict[str, Any]:
        """Return what the person chose, as projects.files.Columns takes it."""
        given = self.cleaned_data
        used = bool(given.get("label") and given.get("known"))
        content = given.get("content") or upload.columns.get("content", "")
        taken = {content, given.get("id", ""), given.get("label", "")}
        return {
            "content": content,
            "id": given.get("id", ""),
            # Chosen and not yet told what for: kept, so that the question can be asked.
            "label": given.get("label", ""),
            "known": given["known"] if used else "",
            "separator": given.get("separator", ""),
            "keep": tuple(name for name in given["keep"] if name not in taken),
            "encoding": given.get("encoding", ""),
            "delimiter": given.get("delimiter", ""),
            "new_labels": used,
        }


class LabelLinesForm(forms.Form):
    """New labels, one a line."""

    # The page sends the box along with other forms: blank it must not stop them.
    use_required_attribute = False

    lines = forms.CharField(
        label=gettext_lazy("Add labels, one a line"),
        help_text=gettext_lazy(
            "Paste from a table to add more: name, tab, description, tab, group, tab, other words for it."
        ),
        strip=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )

    # Asked of a project at work only: whether settled items may belong under a new label.
    concerns = forms.ChoiceField(required=False, choices=[(kind, kind) for kind in (*guidelines.READ, "")])
    labels = forms.ModelMultipleChoiceField(required=False, queryset=Label.objects.none())

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["labels"].queryset = labelset.shown(project)  # type: ignore[attr-defined]

    def news(self) -> guidelines.News:
        """Return what the new labels mean: breaking, unless nothing that is settled belongs under them."""
        kind = self.cleaned_data["concerns"] or GuidelineVersion.Kind.BREAKING
        chosen = self.cleaned_data["labels"] if kind == GuidelineVersion.Kind.BREAKING else ()
        return guidelines.News(kind, labels=tuple(label.pk for label in chosen))

    def clean_lines(self) -> list[labelset.Draft]:
        drafts = labelset.drafts_from(self.cleaned_data["lines"])
        if not drafts:
            raise forms.ValidationError(_("Write at least one name."))
        return drafts


class LabelForm(OfLabel):
    """One label of the set. Whether name and key are free, the action says."""

    class Meta:
        model = Label
        fields = ["name", "description", "hue", "key"]
        widgets = {
            "description": forms.TextInput,
            "hue": forms.Select(choices=[(hue, hue) for hue in range(1, labelset.HUES + 1)]),
        }

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_key(self) -> str:
        return str(self.cleaned_data["key"]).lower()

    def validate_unique(self) -> None:
        """Leave it to labelset.change, which says whose name or key it is."""

    def validate_constraints(self) -> None:
        """As above."""


class GuidelinesForm(forms.Form):
    """Markdown, with the version that the writer started from, and what the change means."""

    text = forms.CharField(
        label=gettext_lazy("Guidelines"),
        required=False,
        strip=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 16}),
    )
    seen = forms.IntegerField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label=gettext_lazy("What kind of change is it?"),
        required=False,
        choices=GuidelineVersion.Kind.choices,
    )
    labels = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Labels that it concerns"), required=False, queryset=Label.objects.none()
    )
    summary = forms.CharField(
        label=gettext_lazy("What is new, in a sentence"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Everybody reads it before going on. An editorial change needs none."),
    )
    # Suggested lines that stand in the text.
    notes = forms.ModelMultipleChoiceField(required=False, queryset=GuidelineNote.objects.none())

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: dict[str, Any] = {"labels": labelset.shown(project), "notes": project.guideline_notes.all()}
        for name, rows in offered.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def news(self) -> guidelines.News:
        """Return what the change means; an editorial one concerns no label."""
        given = self.cleaned_data
        kind = given["kind"] or GuidelineVersion.Kind.EDITORIAL
        chosen = () if kind == GuidelineVersion.Kind.EDITORIAL else given["labels"]
        return guidelines.News(kind, given["summary"], tuple(label.pk for label in chosen))


class MergeForm(forms.Form):
    """Which label goes, and which one its answers count for."""

    gone = forms.ModelChoiceField(label=gettext_lazy("Merge"), queryset=Label.objects.none())
    into = forms.ModelChoiceField(label=gettext_lazy("into"), queryset=Label.objects.none())
    summary = forms.CharField(
        label=gettext_lazy("What is new, in a sentence"), required=False, max_length=500
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"gone", "into"} & set(self.fields):
            self.fields[name].queryset = labelset.shown(project)  # type: ignore[attr-defined]


class SplitForm(MergeForm):
    """Which label goes, and the new ones in its place."""

    into = None  # type: ignore[assignment]
    lines = forms.CharField(
        label=gettext_lazy("New labels, one a line"),
        help_text=gettext_lazy("Name, tab, description, tab, group, tab, other words, as from a table."),
        required=False,
        strip=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )


class ReasonForm(forms.Form):
    """Why something is done; stands in the history."""

    reason = forms.CharField(label=gettext_lazy("Reason"), required=False, max_length=500)


class RoleForm(forms.Form):
    """A member's role."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Membership.Role.choices)


class InviteForm(forms.Form):
    """People to invite, by e-mail address, in one role."""

    emails = forms.CharField(
        label=gettext_lazy("E-mail addresses"),
        required=False,
        help_text=gettext_lazy("One a line. Leave it blank for one link that anybody may use, once."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Membership.Role.choices)

    def clean_emails(self) -> list[str]:
        typed = self.cleaned_data["emails"].replace(",", " ").replace(";", " ").split()
        addresses = list(dict.fromkeys(address.strip("<>").lower() for address in typed))
        if len(addresses) > MOST_INVITED:
            raise forms.ValidationError(_("At most %(most)s people at a time.") % {"most": MOST_INVITED})
        for address in addresses:
            try:
                validate_email(address)
            except forms.ValidationError as error:
                raise forms.ValidationError(
                    _("«%(address)s» is not an e-mail address.") % {"address": address}
                ) from error
        return addresses


class ItemsForm(forms.Form):
    """The filter above the table of items."""

    text = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=200)
    state = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[("", gettext_lazy("All")), *Item.State.choices]
    )
    label = forms.ModelChoiceField(
        label=gettext_lazy("Label"),
        required=False,
        queryset=Label.objects.none(),
        empty_label=gettext_lazy("All"),
    )
    stream = forms.ChoiceField(
        label=gettext_lazy("Came by"),
        required=False,
        choices=[("", gettext_lazy("Any way")), *QueueEntry.Stream.choices],
    )
    mark = forms.ChoiceField(
        label=gettext_lazy("Sample"),
        required=False,
        choices=[
            ("", gettext_lazy("All")),
            ("holdout", gettext_lazy("Hold-out")),
            ("agreement", gettext_lazy("Agreement")),
            ("agreed", gettext_lazy("Agreement, several answers")),
            ("differ", gettext_lazy("Agreement, answers differ")),
            ("first", gettext_lazy("First items, for everybody")),
            ("gold", gettext_lazy("Gold")),
        ],
    )
    # Set by links from figures: ids of one or two labels or people, joined by a dash.
    mixed = forms.RegexField(r"^\d{1,18}(-\d{1,18})?$", required=False, widget=forms.HiddenInput)
    person = forms.RegexField(r"^\d{1,18}(-\d{1,18})?$", required=False, widget=forms.HiddenInput)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: forms.ModelChoiceField[Label] = self.fields["label"]  # type: ignore[assignment]
        chosen.queryset = project.labels.order_by("name")
