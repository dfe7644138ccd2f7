"""What to label next, on arrays alone: numpy, scipy, scikit-learn, and nothing of ours.

``featurizers``  contents in, float32 rows of length 1 out; the registry FEATURIZERS and default_for(media).
``learners``     the registry LEARNERS: fit(x, targets, task, rng) gives a Model with proba(x) and state().
``strategies``   the registry STRATEGIES, and the Scores and Batch that come of a Pool.
``loop``         Settings, train() and next_batch(): the very code that rounds and simulations run.
``evaluation``   figures on the hold-out, with intervals.
``simulation``   the loop with known labels as the annotator; ``crowd``: annotators who err; ``scarcity``.
``comparison``   learning curves side by side; ``hindsight``: the same on labels that are there.

Targets are float32 matrices (m, k) in [0, 1], for single choice rows that sum to 1; column = label position.
Rows are always rows of the pool; the caller alone knows which item a row is.

A round, in memory::

    trained = loop.train(x, targets, settings, rng)            # None before there are labels
    pool = Pool(features, labelled=x, centres=kept_centres)    # labelled, centres: None where there are none
    batch = loop.next_batch(pool, trained, size, settings, rng)

A round in shards, which next_batch does itself for an array: ``loop.prepared`` gives the pool its centres,
``loop.score_shard`` scores each shard anywhere, ``Scores.joined`` puts them together in their order, and
``loop.select`` picks; only select reads features again, by row, of some candidates (see ``scores.Rows``).
"""
