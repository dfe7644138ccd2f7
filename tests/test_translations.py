"""Every word in every language, and each page in the language of whoever reads it."""

from __future__ import annotations

import gettext
import html
import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now

from projects import audit, guidelines, history, labelset, migrating, replaying, saying
from projects.models import Item, Membership, Notice, Upload
from projects.templatetags import setup_tags
from projects.trust import known, mailing, notice_words
from tests.factories import make_admin, make_items, make_member, make_project, make_user
from tests.uploading import bring
from tools import catalogue, translations, unmarked

pytestmark = pytest.mark.django_db
ARABIC = {"HTTP_ACCEPT_LANGUAGE": "ar-EG,ar;q=0.9,en;q=0.5"}
PO = list(translations.catalogues())


# --- the catalogues ----------------------------------------------------------------------------------------


def test_every_language_but_the_first_has_a_catalogue():
    assert [path.parent.parent.name for path in PO] == [code for code, _ in settings.LANGUAGES[1:]]


@pytest.mark.parametrize("path", PO, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_is_whole_and_compiled_and_holds_every_string_of_the_code(path):
    assert list(translations.faults(path)) == []


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext is not installed")
def test_what_gettext_itself_refuses_is_found(tmp_path):
    path = tmp_path / "django.po"
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    text = 'msgid "less than 5 % of a batch"\nmsgstr "أقل من 5 % من الدفعة"\n'
    path.write_text(head + text, encoding="utf-8")
    assert list(translations.refused_by_gettext(path)) == []
    path.write_text(f"{head}#, python-format\n{text}", encoding="utf-8")
    assert any("not a valid Python format string" in line for line in translations.refused_by_gettext(path))


@pytest.mark.parametrize("path", PO, ids=lambda path: path.parent.parent.name)
def test_gettext_itself_reads_what_is_compiled(path):
    with path.with_suffix(".mo").open("rb") as file:
        read = gettext.GNUTranslations(file)
    for entry in catalogue.read(path):
        if entry.msgid and not entry.plural and not entry.context and not entry.missing:
            assert read.gettext(entry.msgid) == entry.forms[0]


@pytest.mark.parametrize(
    ("forms", "wrong"),
    [
        ([], "not translated"),
        (["واحد", ""], "not translated"),
        (["بلا عدد"], "1 forms"),
        (["", *["عناصر"] * 5], "not translated"),
        ([*["%(n)s عناصر"] * 5, "عناصر"], "other placeholders"),
        ([*["%(n)s عناصر"] * 5, "<b>%(n)s</b> عناصر"], "other tags"),
        ([*["%(n)s عناصر"] * 5, "%(n)s عناصر\n"], "other line ends"),
    ],
)
def test_what_is_wrong_with_a_translation_is_found(forms, wrong):
    head = catalogue.Entry(forms=["Plural-Forms: nplurals=6; plural=0;\n"])
    entry = catalogue.Entry("%(n)s item", plural="%(n)s items", forms=forms)
    assert wrong in "".join(catalogue.problems([head, entry]))


def test_a_catalogue_written_and_read_is_the_same(tmp_path: Path):
    entries = [
        catalogue.Entry(forms=["Language: ar\n"]),
        catalogue.Entry('He said "\\n"\n\tindeed', forms=["قال"], comments=["#: a.py"]),
        catalogue.Entry("%(n)s row", "table", "%(n)s rows", ["صف", "صفان"]),
    ]
    catalogue.write(tmp_path / "x.po", entries)
    assert catalogue.read(tmp_path / "x.po") == entries


def test_a_sentence_that_counts_only_now_wants_new_forms():
    old = [catalogue.Entry("row", forms=["صف"]), catalogue.Entry("file", forms=["ملف"])]
    new = [catalogue.Entry("row", plural="rows"), catalogue.Entry("file")]
    assert [entry.forms for entry in translations.merged(old, new)] == [[], ["ملف"]]


# --- nothing unmarked --------------------------------------------------------------------------------------


def test_no_word_that_people_see_is_unmarked(capsys):
    assert unmarked.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "<p>Hello there</p>",
        '<a aria-label="More of it">{{ x }}</a>',
        '<input placeholder="Name">',
        '{{ x|default:"nobody at all" }}',
        '{% include "a.html" with title="All items" %}',
    ],
)
def test_an_unmarked_word_in_a_template_is_found(text):
    assert unmarked.in_template(text)


@pytest.mark.parametrize(
    "text",
    [
        '<p class="wide page">{% translate "Hello there" %} · {{ name }}</p>',
        "<p>{% blocktranslate %}Hello there{% endblocktranslate %}</p>",
        '{{ x|default:_("nobody at all") }}',
        "{# Needs: nothing at all. #}<kbd>Enter</kbd>",
    ],
)
def test_a_marked_word_in_a_template_is_left_alone(text):
    assert unmarked.in_template(text) == []


def test_styles_know_no_left_and_right():
    physical = re.compile(
        r"(margin|padding|border|scroll-margin|scroll-padding)-(left|right)\b|(^|[{;]\s*)(left|right)\s*:"
        r"|(text-align|float|clear):\s*(left|right)|translateX",
        re.MULTILINE,
    )
    styles = {path.name: path.read_text() for path in (unmarked.ROOT / "static/css").glob("*.css")}
    assert {name: found[0] for name, text in styles.items() if (found := physical.search(text))} == {}


def test_unmarked_words_in_scripts_and_python_are_found():
    assert unmarked.in_script('node.textContent = "Nothing was saved";')
    assert (
        unmarked.in_script('// Nothing was saved\nnode.closest("textarea, button"); say(words.saved)') == []
    )
    assert unmarked.in_python('raise Refused(f"There are {n} rows.")')
    assert unmarked.in_python('raise Refused(_("There are %(n)s rows.") % {"n": n})') == []


# --- the language of a page --------------------------------------------------------------------------------


def test_a_page_is_in_the_language_that_the_browser_asks_for(client):
    answer = client.get(reverse("account_login"), **ARABIC)
    assert '<html lang="ar" dir="rtl"' in answer.text
    assert "تسجيل الدخول" in answer.text
    assert answer["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= {part.strip() for part in answer["Vary"].split(",")}


@pytest.mark.parametrize("asked", ["", "de,fr;q=0.8", "x" * 600, "*"])
def test_whoever_asks_for_none_of_our_languages_gets_english(client, asked):
    answer = client.get(reverse("account_login"), HTTP_ACCEPT_LANGUAGE=asked)
    assert '<html lang="en" data' in answer.text


def test_the_door_offers_the_languages_and_keeps_the_choice(client):
    door = reverse("account_login")
    answer = client.post(reverse("language"), {"language": "ar", "next": door})
    assert (answer.status_code, answer["Location"]) == (302, door)
    assert 'lang="ar" dir="rtl"' in client.get(door, HTTP_ACCEPT_LANGUAGE="en").text
    client.post(reverse("language"), {"language": "", "next": door})
    assert '<html lang="en" data' in client.get(door, HTTP_ACCEPT_LANGUAGE="en").text


@pytest.mark.parametrize("asked", ["de", "../ar", "AR"])
def test_a_language_that_we_do_not_have_is_refused(client, asked):
    assert client.post(reverse("language"), {"language": asked}).status_code == 422


def test_a_person_s_choice_follows_them_and_leaves_with_them(client):
    person, other = make_user(language="ar"), make_user()
    client.force_login(person)
    client.get(reverse("home"))
    assert 'lang="ar"' in client.get(reverse("home")).text
    client.force_login(other)
    client.get(reverse("home"))
    assert 'lang="en"' in client.get(reverse("home")).text


def test_a_choice_in_the_menu_is_the_person_s_own(client):
    person = make_user()
    client.force_login(person)
    client.post(reverse("language"), {"language": "ar", "next": "/"})
    person.refresh_from_db()
    assert person.language == "ar"
    assert 'lang="ar"' in client.get(reverse("home")).text
    client.post(reverse("language"), {"language": "", "next": "/"})
    assert 'lang="en"' in client.get(reverse("home")).text


def test_my_account_keeps_the_language_and_says_so_in_it(client):
    person = make_user()
    client.force_login(person)
    form = {"name": "Noor", "theme": "auto", "language": "ar", "single_keys": "on"}
    answer = client.post(reverse("me"), form, follow=True)
    person.refresh_from_db()
    assert person.language == "ar"
    assert 'lang="ar"' in answer.text
    with translation.override("ar"):
        assert translation.gettext("Saved.") in answer.text


def test_a_choice_at_the_door_holds_for_whoever_chose_nothing_else(client):
    client.post(reverse("language"), {"language": "ar", "next": "/"})
    client.force_login(make_user())
    client.get(reverse("home"))
    assert 'lang="ar"' in client.get(reverse("home")).text


def test_the_language_costs_no_query(client):
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("account_login"), **ARABIC)
    assert len(queries) == 0


# --- sentences that are read later -------------------------------------------------------------------------


def test_a_sentence_is_kept_and_told_in_another_language():
    inner = saying.gettext("a number")
    said = saying.gettext("This is %(kind)s, not a text.", kind=inner)
    again = saying.told(json.loads(json.dumps(saying.kept(said))))
    assert str(again) == "This is a number, not a text."
    with translation.override("ar"):
        assert str(again) == "هذا رقم وليس نصًّا."
        assert saying.plain(again) == "This is a number, not a text."


@pytest.mark.parametrize(
    ("number", "words"), [(1, "صف واحد"), (2, "صفّين"), (3, "3 صفوف"), (11, "11 صفًّا"), (100, "100 صف،")]
)
def test_a_sentence_that_counts_has_the_forms_of_the_language(number, words):
    one = "%(rows)s row cannot be imported, so nothing was. Correct the file, or import the good rows only."
    many = one.replace("row cannot", "rows cannot")
    said = saying.told(saying.kept(saying.ngettext(one, many, number, rows=number)))
    with translation.override("ar"):
        assert words in str(said)


def test_bad_rows_found_by_a_worker_are_told_in_the_reader_s_language(client):
    project = make_project(state="draft")
    upload = bring(project, "id,text\n1,a\n2,\n")
    assert upload.problems[0]["reason"] == "The text is empty."
    client.force_login(make_admin(project).user)
    page = client.get(reverse("upload-problems", args=[project.pk, upload.pk]), **ARABIC)
    assert "النص فارغ." in b"".join(page).decode()
    page = client.get(reverse("upload-problems", args=[project.pk, upload.pk]))
    assert "The text is empty." in b"".join(page).decode()


def test_a_refused_file_says_why_in_the_reader_s_language(client):
    project = make_project(state="draft")
    upload = bring(project, "%PDF-1.7")
    assert (upload.state, "This is a PDF" in upload.message) == (Upload.State.REFUSED, True)
    client.force_login(make_admin(project).user)
    assert "هذا ملف PDF" in client.get(reverse("setup", args=[project.pk, "data"]), **ARABIC).text


def test_what_becomes_of_labels_is_told_in_each_reader_s_language():
    project = make_project(labels=["refund", "card", "other"])
    admin, ann = make_admin(project), make_member(project)
    with translation.override("ar"):
        labelset.retire(project.labels.get(name="other"), admin.user)
    version, notice = project.guideline_versions.get(version=2), Notice.objects.get(user=ann.user)
    english, arabic = "«other» is no longer in use.", "لم يعد «other» مستخدمًا."
    assert (version.summary, str(version.said)) == (english, english)
    assert notice_words.sentence(notice) == f"The guidelines changed: version 2. {english}"
    with translation.override("ar"):
        assert str(version.said) == arabic
        assert notice_words.sentence(notice).endswith(arabic)


def test_what_a_person_says_of_a_new_label_follows_as_it_was_typed():
    project = make_project(labels=["refund", "card"])
    news = guidelines.News(guidelines.Kind.CLARIFYING, "Ask Ada.")
    with translation.override("ar"):
        labelset.add(project, make_admin(project).user, [labelset.Draft("other")], news)
    version = project.guideline_versions.get(version=2)
    assert version.summary == "New label: other. Ask Ada."
    with translation.override("ar"):
        assert str(version.said).endswith("other. Ask Ada.")
        assert "New" not in str(version.said)


def test_the_words_that_a_page_offers_for_a_merge_reach_each_in_his_language(client):
    project = make_project(labels=["refund", "card", "other"])
    refund, _card, other = project.labels.order_by("position")
    client.force_login(make_admin(project).user)
    address, chosen = reverse("labels-merge", args=[project.pk]), {"gone": other.pk, "into": refund.pk}
    page = client.get(address, chosen, **ARABIC).text
    offered = html.unescape(re.search(r'id="id_summary"[^>]* value="([^"]*)"', page)[1])
    client.post(address, {**chosen, "summary": offered}, **ARABIC)
    version = project.guideline_versions.get(version=2)
    assert str(version.said) == version.summary == "«other» and «refund» are one label now: use «refund»."
    with translation.override("ar"):
        assert str(version.said) == offered != version.summary


def test_the_history_tells_reasons_of_the_code_in_the_reader_s_language(client):
    project = make_project(labels=["refund", "card", "other"], policy={"rare": {"labels": [2]}})
    admin, (refund, _card, other) = make_admin(project), project.labels.order_by("position")
    with translation.override("ar"):
        migrating.merge(project, admin.user, migrating.Merge(other, refund, "One for both."))
    english = "«other» was merged into «refund»"
    event = project.events.get(action="policy.changed", reason=english)
    client.force_login(admin.user)
    for address in (reverse("history", args=[project.pk]), reverse("settings-loop", args=[project.pk])):
        assert english in client.get(address).text
        assert "دُمج «other» في «refund»" in client.get(address, **ARABIC).text
    with translation.override("ar"):
        (row,) = history.rows(project.events.filter(pk=event.pk))
    assert (row["reason"], row["after"].keys() & {"said"}) == (english, set())


def test_reasons_of_the_code_leave_what_items_rest_on_as_it_is():
    project = make_project(labels=["refund", "card"])
    make_items(project, 1, gold=[[project.labels.get(name="refund").pk]])
    with translation.override("ar"):
        assert known.enlist(project, project.policy) == 1
    event = project.events.get(action="item.settled")
    assert event.reason == "Known at import"
    with translation.override("ar"):
        assert str(audit.why(event)) == "معروف عند الاستيراد"
    assert list(replaying.differences(project)) == []


def test_what_an_event_is_about_is_kept_in_english():
    project = make_project(labels=["refund", "card"])
    admin = make_admin(project)
    with translation.override("ar"):
        labelset.add(project, admin.user, [labelset.Draft("other"), labelset.Draft("fraud")])
        labelset.sort_by_name(project, admin.user)
        added, ordered = project.events.filter(action__in=("label.added", "label.sorted")).order_by("pk")
        assert (setup_tags.subject(added), setup_tags.subject(ordered)) == ("وسمان", "أبجديًا")
    assert (added.subject, ordered.subject) == ("2 labels", "A to Z")


def test_names_of_states_and_roles_are_translated():
    with translation.override("ar"):
        assert str(Membership.Role.LEAD.label) == "مشرف"
        assert Item(state="settled").get_state_display() == "محسوم"


def test_a_mail_is_written_in_the_language_of_its_reader(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    project = make_project()
    for language in ("", "ar"):
        user = make_member(project, make_user(language=language)).user
        Notice.objects.create(
            project=project, user=user, kind="batch.ready", created_at=now() - timedelta(hours=1)
        )
        assert mailing.send(user.pk)
    assert [message.subject for message in mail.outbox] == ["1 notice waits for you", "إشعار واحد بانتظارك"]


def test_a_verdict_on_an_answer_comes_in_the_language_of_the_browser(client):
    project = make_project(items=2)
    client.force_login(make_member(project).user)
    body = json.dumps({"submissions": [], "want": "many"})
    address = reverse("work", args=[project.pk])
    answer = client.post(address, body, content_type="application/json", **ARABIC)
    with translation.override("ar"):
        assert translation.gettext("The request could not be read.") in json.dumps(
            answer.json(), ensure_ascii=False
        )
