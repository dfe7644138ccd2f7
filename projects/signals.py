"""What the layers above may listen to. Sent after commit; a receiver may be called twice, or never."""

from django.dispatch import Signal

# judgements_changed.send(sender=Project, project_id=…): people answered, took back, or a lead decided.
judgements_changed = Signal()
# items_changed.send(sender=Project, project_id=…): items came in.
items_changed = Signal()
