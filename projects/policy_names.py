"""Names that a policy may hold, and what they are called. A test compares them with sampling's registries."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

Named = tuple[str, Promise | str, Promise | str]

# Name, title, and what it means: the three that most projects choose among.
STRATEGIES: Final[list[Named]] = [
    (
        "default",
        gettext_lazy("Diverse and uncertain"),
        gettext_lazy("The most uncertain items of each region of the data. Recommended."),
    ),
    (
        "margin",
        gettext_lazy("Uncertain only"),
        gettext_lazy("Where the two likeliest labels are closest. May ask for many items that are alike."),
    ),
    (
        "random",
        gettext_lazy("Random order"),
        gettext_lazy("The model has no say. Good to compare with."),
    ),
]
# For those who know what they are after.
OTHER_STRATEGIES: Final[list[Named]] = [
    (
        "uncertainty-herding",
        gettext_lazy("Cover what is uncertain"),
        gettext_lazy("Each pick stands for as many uncertain items as it can. Good while labels are few."),
    ),
    (
        "margin-k-means",
        gettext_lazy("Groups of uncertain items"),
        gettext_lazy("The most uncertain items in as many groups as there are places; one of each."),
    ),
    (
        "badge",
        gettext_lazy("Different lessons (BADGE)"),
        gettext_lazy("Items that would each change the model in another way. For large batches."),
    ),
    (
        "cluster-margin",
        gettext_lazy("Small groups first (Cluster-Margin)"),
        gettext_lazy("Uncertain items, from the smallest groups of the data on. For very large batches."),
    ),
    (
        "entropy",
        gettext_lazy("Uncertain about all labels"),
        gettext_lazy("Counts every label, not only the two likeliest. Weak where there are many labels."),
    ),
    (
        "expected-gradient",
        gettext_lazy("Most to learn"),
        gettext_lazy("Where the answer would change a linear model most, in each region."),
    ),
    (
        "consensus-entropy",
        gettext_lazy("Committee unsure"),
        gettext_lazy("Where several models, taken together, are least sure, in each region."),
    ),
    (
        "bald",
        gettext_lazy("Committee divided"),
        gettext_lazy("Where each of several models is sure of something else, in each region."),
    ),
    (
        "typiclust",
        gettext_lazy("Typical items"),
        gettext_lazy("The most typical item of each group that has no label yet. Needs no model."),
    ),
    (
        "k-center",
        gettext_lazy("Far from what is known"),
        gettext_lazy("The item least like any labelled one. Finds outliers, needs no model."),
    ),
    (
        "rare",
        gettext_lazy("Rare labels"),
        gettext_lazy("Only items that may have a rare label. Better as a part of each batch: see below."),
    ),
    (
        "hybrid",
        gettext_lazy("A mix of your own"),
        gettext_lazy("Several measures by weight: set them below."),
    ),
]
# Known to the loop, but nothing that a form needs to offer.
UNOFFERED: Final = {
    "least-confidence": gettext_lazy("Likeliest label unsure"),
    "first-batch": gettext_lazy("First batch"),
    "vote-entropy": gettext_lazy("Committee's votes split"),
    "pairwise": gettext_lazy("Two of the committee far apart"),
    "k-means": gettext_lazy("Groups of items"),
    "probcover": gettext_lazy("Cover the data (ProbCover)"),
    "herding": gettext_lazy("Like the data as a whole"),
    "density": gettext_lazy("Uncertain and in the middle"),
    "cluster-uncertain": gettext_lazy("Most uncertain of each region"),
    "dpp": gettext_lazy("Uncertain and unlike each other"),
}
# These ask a committee of two models at least.
OF_COMMITTEE: Final = frozenset({"vote-entropy", "consensus-entropy", "pairwise", "bald"})

MODES: Final = {
    "": gettext_lazy("As the rule does it"),
    "sequential": gettext_lazy("Highest first, wherever they are"),
    "clustered": gettext_lazy("Highest of each region"),
    "diverse": gettext_lazy("Highest first, none alike"),
}

# What a mix can be made of.
MEASURES: Final = {
    "margin": gettext_lazy("Two labels close"),
    "entropy": gettext_lazy("Uncertain about all labels"),
    "least-confidence": gettext_lazy("Likeliest label unsure"),
    "expected-gradient": gettext_lazy("Most to learn"),
    "consensus-entropy": gettext_lazy("Committee unsure"),
    "bald": gettext_lazy("Committee divided"),
    "vote-entropy": gettext_lazy("Committee's votes split"),
    "pairwise": gettext_lazy("Two of the committee far apart"),
    "density": gettext_lazy("Uncertain and in the middle"),
    "typicality": gettext_lazy("Typical of its region"),
    "remoteness": gettext_lazy("Far from what is labelled"),
    "rare": gettext_lazy("Near rare labels"),
    "random": gettext_lazy("Chance"),
}

LEARNERS: Final = {
    "logistic": gettext_lazy("Logistic regression"),
    "svm": gettext_lazy("Linear support vector machine"),
    "naive-bayes": gettext_lazy("Naive Bayes"),
    "forest": gettext_lazy("Random forest"),
    "mlp": gettext_lazy("Small neural network"),
    "ridge": gettext_lazy("Ridge regression (ratings)"),
}
CLASS_WEIGHTS: Final = {
    "": gettext_lazy("As often as they come"),
    "balanced": gettext_lazy("Rare labels weigh more"),
}

# Parts of each batch beside the main rule: name, the strategy that fills it (check has none), title, words.
STREAMS: Final = [
    (
        "rare",
        "rare",
        gettext_lazy("Rare labels, %"),
        gettext_lazy("Items like those of the rarest labels, or like the examples named below."),
    ),
    (
        "control",
        "random",
        gettext_lazy("Random control, %"),
        gettext_lazy("Drawn by chance, to see how many labels the loop saves."),
    ),
    (
        "new",
        "first-batch",
        gettext_lazy("New items, %"),
        gettext_lazy("Among the items that came in last, where the data may have changed."),
    ),
    (
        "check",
        "",
        gettext_lazy("Check again, %"),
        gettext_lazy("Settled items whose label is likely wrong go to somebody else."),
    ),
]


def every_strategy() -> list[str]:
    """All names of strategies, those offered first."""
    return [*(row[0] for row in (*STRATEGIES, *OTHER_STRATEGIES)), *UNOFFERED]


def titles() -> dict[str, Promise | str]:
    """What strategies are called, by name."""
    return {name: title for name, title, _words in (*STRATEGIES, *OTHER_STRATEGIES)} | UNOFFERED


def title_of(name: str) -> str:
    """What a strategy is called, with its mode where it has one: «margin/diverse»."""
    strategy, _slash, mode = name.partition("/")
    title = str(titles().get(strategy, strategy))
    return f"{title} · {MODES.get(mode, mode)}" if mode else title
