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
    path("projects/<int:project_id>/", project.project, name="project"),
    path("projects/<int:project_id>/setup/", wizard.resume, name="setup-resume"),
    path("projects/<int:project_id>/setup/<str:step>/", wizard.step, name="setup"),
    path("projects/<int:project_id>/uploads/<int:upload_id>/", uploads.upload, name="upload"),
    path(
        "projects/<int:project_id>/uploads/<int:upload_id>/columns/", uploads.columns, name="upload-columns"
    ),
    path("projects/<int:project_id>/uploads/<int:upload_id>/state/", uploads.state, name="upload-state"),
    path("projects/<int:project_id>/uploads/<int:upload_id>/accept/", uploads.accept, name="upload-accept"),
    path("projects/<int:project_id>/uploads/<int:upload_id>/remove/", uploads.remove, name="upload-remove"),
    path(
        "projects/<int:project_id>/uploads/<int:upload_id>/picture/", uploads.picture, name="upload-picture"
    ),
    path("projects/<int:project_id>/labels/add/", labels.add, name="labels-add"),
    path("projects/<int:project_id>/labels/sort/", labels.sort, name="labels-sort"),
    path("projects/<int:project_id>/labels/<int:label_id>/", labels.change, name="label-change"),
    path("projects/<int:project_id>/labels/<int:label_id>/move/", labels.move, name="label-move"),
    path("projects/<int:project_id>/labels/<int:label_id>/retire/", labels.retire, name="label-retire"),
    path("projects/<int:project_id>/labels/<int:label_id>/restore/", labels.restore, name="label-restore"),
    path("projects/<int:project_id>/labels/<int:label_id>/words/", label_words.words, name="label-words"),
    path(
        "projects/<int:project_id>/labels/<int:label_id>/examples/",
        label_words.add,
        name="label-example-add",
    ),
    path(
        "projects/<int:project_id>/labels/<int:label_id>/examples/remove/",
        label_words.remove,
        name="label-example-remove",
    ),
    path("projects/<int:project_id>/items/<int:number>/example/", label_words.of_item, name="item-example"),
    path("projects/<int:project_id>/settings/", settings.general, name="settings"),
    path("projects/<int:project_id>/settings/labels/", settings.labels, name="settings-labels"),
    path("projects/<int:project_id>/settings/guidelines/", guidelines.edit, name="settings-guidelines"),
    path(
        "projects/<int:project_id>/settings/guidelines/preview/",
        guidelines.preview,
        name="guidelines-preview",
    ),
    path(
        "projects/<int:project_id>/settings/guidelines/<int:event_id>/",
        guidelines.version,
        name="guidelines-version",
    ),
    path("projects/<int:project_id>/settings/loop/", settings.loop, name="settings-loop"),
    path("projects/<int:project_id>/settings/quality/", settings.quality, name="settings-quality"),
    path(
        "projects/<int:project_id>/settings/labelling/",
        settings_labelling.labelling,
        name="settings-labelling",
    ),
    path("projects/<int:project_id>/settings/data/", settings.data, name="settings-data"),
    path("projects/<int:project_id>/settings/danger/", settings.danger, name="settings-danger"),
    path("projects/<int:project_id>/history/", history.changes, name="history"),
    path("projects/<int:project_id>/history/all.<slug:form>", history.download, name="history-export"),
    path("projects/<int:project_id>/items/", items.items, name="items"),
    path("projects/<int:project_id>/items/<int:number>/", items.item, name="item"),
]

# Whether labels can be trusted.
_trust: list[URLPattern] = [
    path("projects/<int:project_id>/agreement/", agreement.agreement, name="agreement"),
    path(
        "projects/<int:project_id>/agreement/<int:first>/<int:second>/",
        agreement.pair,
        name="agreement-pair",
    ),
    path("projects/<int:project_id>/suggestions/", anchoring.suggestions, name="suggestions"),
    path("projects/<int:project_id>/records/", records.records, name="records"),
    path("projects/<int:project_id>/records/<int:membership_id>/", records.record, name="record"),
    path("projects/<int:project_id>/records/<int:membership_id>/act/", records.act, name="record-act"),
    path("projects/<int:project_id>/my-record/", records.mine, name="my-record"),
    path("projects/<int:project_id>/known/", known.known, name="known"),
    path("projects/<int:project_id>/known/<int:number>/", known.change, name="known-change"),
    path("projects/<int:project_id>/checks/", checks.checks, name="checks"),
    path("projects/<int:project_id>/checks/<int:check_id>/", checks.check, name="check"),
    path("projects/<int:project_id>/shift/", shifts.shift, name="shift"),
    path("projects/<int:project_id>/guidelines/read/", versions.acknowledge, name="guidelines-read"),
    path(
        "projects/<int:project_id>/settings/guidelines/effect/", guidelines.effect, name="guidelines-effect"
    ),
    path(
        "projects/<int:project_id>/guidelines/<int:number>/", guidelines.numbered, name="guidelines-numbered"
    ),
    path("projects/<int:project_id>/settings/labels/merge/", versions.merge, name="labels-merge"),
    path("projects/<int:project_id>/settings/labels/split/", versions.split, name="labels-split"),
    path(
        "projects/<int:project_id>/settings/guidelines/notes/<int:note_id>/",
        versions.note,
        name="guidelines-note",
    ),
    path("projects/<int:project_id>/items/<int:number>/comment/", comments.comment, name="comment"),
    path("projects/<int:project_id>/disputes/<int:dispute_id>/alike/", bulk.bulk, name="dispute-bulk"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<int:notice_id>/", notices.notice, name="notice"),
]

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("projects/<int:project_id>/label/", label.label, name="label"),
    path("projects/<int:project_id>/answers/", label.work, name="work"),
    path("projects/<int:project_id>/together/", cards.together, name="together"),
    path("projects/<int:project_id>/mine/", my_labels.my_labels, name="my-labels"),
    path("projects/<int:project_id>/mine/again/", my_labels.again, name="my-again"),
    path("projects/<int:project_id>/disputes/", disputes.index, name="disputes"),
    path("projects/<int:project_id>/disputes/<int:dispute_id>/", disputes.detail, name="dispute"),
    path("projects/<int:project_id>/items/<int:number>/image/", media.image, name="item-image"),
    path("projects/<int:project_id>/items/<int:number>/thumbnail/", media.thumbnail, name="item-thumbnail"),
    path("projects/<int:project_id>/export/", exports.index, name="exports"),
    path("projects/<int:project_id>/export/<slug:what>.<slug:form>", exports.download, name="export"),
    path(
        "projects/<int:project_id>/uploads/<int:upload_id>/problems.csv",
        exports.problems,
        name="upload-problems",
    ),
    *_setup,
    *_trust,
]
