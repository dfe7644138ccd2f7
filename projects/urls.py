"""Addresses of projects."""

from django.urls import path
from django.urls.resolvers import URLPattern

from projects.views import (
    agreement,
    anchoring,
    bulk,
    cards,
    checks,
    comments,
    disputes,
    exports,
    guidelines,
    history,
    home,
    items,
    known,
    label,
    label_words,
    labels,
    media,
    my_labels,
    notices,
    project,
    records,
    settings,
    settings_labelling,
    shifts,
    uploads,
    versions,
    wizard,
)

# Set-up, settings and the things that they change.
_setup: list[URLPattern] = [
    path("projects/new/", wizard.new, name="project-new"),
    path("projects/<num:project_id>/", project.project, name="project"),
    path("projects/<num:project_id>/setup/", wizard.resume, name="setup-resume"),
    path("projects/<num:project_id>/setup/<str:step>/", wizard.step, name="setup"),
    path("projects/<num:project_id>/uploads/<num:upload_id>/", uploads.upload, name="upload"),
    path(
        "projects/<num:project_id>/uploads/<num:upload_id>/columns/", uploads.columns, name="upload-columns"
    ),
    path("projects/<num:project_id>/uploads/<num:upload_id>/state/", uploads.state, name="upload-state"),
    path("projects/<num:project_id>/uploads/<num:upload_id>/accept/", uploads.accept, name="upload-accept"),
    path("projects/<num:project_id>/uploads/<num:upload_id>/remove/", uploads.remove, name="upload-remove"),
    path(
        "projects/<num:project_id>/uploads/<num:upload_id>/picture/", uploads.picture, name="upload-picture"
    ),
    path("projects/<num:project_id>/labels/add/", labels.add, name="labels-add"),
    path("projects/<num:project_id>/labels/sort/", labels.sort, name="labels-sort"),
    path("projects/<num:project_id>/labels/<num:label_id>/", labels.change, name="label-change"),
    path("projects/<num:project_id>/labels/<num:label_id>/move/", labels.move, name="label-move"),
    path("projects/<num:project_id>/labels/<num:label_id>/retire/", labels.retire, name="label-retire"),
    path("projects/<num:project_id>/labels/<num:label_id>/restore/", labels.restore, name="label-restore"),
    path("projects/<num:project_id>/labels/<num:label_id>/words/", label_words.words, name="label-words"),
    path(
        "projects/<num:project_id>/labels/<num:label_id>/examples/",
        label_words.add,
        name="label-example-add",
    ),
    path(
        "projects/<num:project_id>/labels/<num:label_id>/examples/remove/",
        label_words.remove,
        name="label-example-remove",
    ),
    path("projects/<num:project_id>/items/<num:number>/example/", label_words.of_item, name="item-example"),
    path("projects/<num:project_id>/settings/", settings.general, name="settings"),
    path("projects/<num:project_id>/settings/labels/", settings.labels, name="settings-labels"),
    path("projects/<num:project_id>/settings/guidelines/", guidelines.edit, name="settings-guidelines"),
    path(
        "projects/<num:project_id>/settings/guidelines/preview/",
        guidelines.preview,
        name="guidelines-preview",
    ),
    path(
        "projects/<num:project_id>/settings/guidelines/<num:event_id>/",
        guidelines.version,
        name="guidelines-version",
    ),
    path("projects/<num:project_id>/settings/loop/", settings.loop, name="settings-loop"),
    path("projects/<num:project_id>/settings/quality/", settings.quality, name="settings-quality"),
    path(
        "projects/<num:project_id>/settings/labelling/",
        settings_labelling.labelling,
        name="settings-labelling",
    ),
    path("projects/<num:project_id>/settings/data/", settings.data, name="settings-data"),
    path("projects/<num:project_id>/settings/danger/", settings.danger, name="settings-danger"),
    path("projects/<num:project_id>/history/", history.changes, name="history"),
    path("projects/<num:project_id>/history/all.<slug:form>", history.download, name="history-export"),
    path("projects/<num:project_id>/items/", items.items, name="items"),
    path("projects/<num:project_id>/items/<num:number>/", items.item, name="item"),
]

# Whether labels can be trusted.
_trust: list[URLPattern] = [
    path("projects/<num:project_id>/agreement/", agreement.agreement, name="agreement"),
    path(
        "projects/<num:project_id>/agreement/<num:first>/<num:second>/",
        agreement.pair,
        name="agreement-pair",
    ),
    path("projects/<num:project_id>/suggestions/", anchoring.suggestions, name="suggestions"),
    path("projects/<num:project_id>/records/", records.records, name="records"),
    path("projects/<num:project_id>/records/<num:membership_id>/", records.record, name="record"),
    path("projects/<num:project_id>/records/<num:membership_id>/act/", records.act, name="record-act"),
    path("projects/<num:project_id>/my-record/", records.mine, name="my-record"),
    path("projects/<num:project_id>/known/", known.known, name="known"),
    path("projects/<num:project_id>/known/<num:number>/", known.change, name="known-change"),
    path("projects/<num:project_id>/checks/", checks.checks, name="checks"),
    path("projects/<num:project_id>/checks/<num:check_id>/", checks.check, name="check"),
    path("projects/<num:project_id>/shift/", shifts.shift, name="shift"),
    path("projects/<num:project_id>/guidelines/read/", versions.acknowledge, name="guidelines-read"),
    path(
        "projects/<num:project_id>/settings/guidelines/effect/", guidelines.effect, name="guidelines-effect"
    ),
    path(
        "projects/<num:project_id>/guidelines/<num:number>/", guidelines.numbered, name="guidelines-numbered"
    ),
    path("projects/<num:project_id>/settings/labels/merge/", versions.merge, name="labels-merge"),
    path("projects/<num:project_id>/settings/labels/split/", versions.split, name="labels-split"),
    path(
        "projects/<num:project_id>/settings/guidelines/notes/<num:note_id>/",
        versions.note,
        name="guidelines-note",
    ),
    path("projects/<num:project_id>/items/<num:number>/comment/", comments.comment, name="comment"),
    path("projects/<num:project_id>/disputes/<num:dispute_id>/alike/", bulk.bulk, name="dispute-bulk"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<num:notice_id>/", notices.notice, name="notice"),
]

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("projects/<num:project_id>/label/", label.label, name="label"),
    path("projects/<num:project_id>/answers/", label.work, name="work"),
    path("projects/<num:project_id>/together/", cards.together, name="together"),
    path("projects/<num:project_id>/mine/", my_labels.my_labels, name="my-labels"),
    path("projects/<num:project_id>/mine/again/", my_labels.again, name="my-again"),
    path("projects/<num:project_id>/disputes/", disputes.index, name="disputes"),
    path("projects/<num:project_id>/disputes/<num:dispute_id>/", disputes.detail, name="dispute"),
    path("projects/<num:project_id>/items/<num:number>/image/", media.image, name="item-image"),
    path("projects/<num:project_id>/items/<num:number>/thumbnail/", media.thumbnail, name="item-thumbnail"),
    path("projects/<num:project_id>/export/", exports.index, name="exports"),
    path("projects/<num:project_id>/export/<slug:what>.<slug:form>", exports.download, name="export"),
    path(
        "projects/<num:project_id>/uploads/<num:upload_id>/problems.csv",
        exports.problems,
        name="upload-problems",
    ),
    *_setup,
    *_trust,
]
