"""What to label next, on arrays alone: numpy, scipy, scikit-learn, and nothing of ours.

``featurizers``  contents in, float32 rows of length 1 out; the registry FEATURIZERS and a default for each media.
``learners``     the registry LEARNERS: fit(x, targets, task, rng) gives a Model with proba(x) and state().
``strategies``   the registry STRATEGIES: a Pool, a size and a generator in, a Batch out.
``loop``         Settings, train() and next_batch(): the very code that rounds and simulations run.
``evaluation``   figures on the hold-out, with intervals.
``simulation``   the loop with known labels as the annotator.

Targets are float32 matrices (m, k) of 0 and 1, for single choice one 1 a row; column = label position.
Rows are always rows of the pool; the caller alone knows which item a row is.
"""
