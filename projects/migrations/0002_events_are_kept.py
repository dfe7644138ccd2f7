"""A trigger refuses to change or delete an event, also by raw SQL."""

from django.db import migrations

REFUSAL = "events are only ever added"
SQLITE = """
CREATE TRIGGER projects_event_no_{verb} BEFORE {verb} ON projects_event
BEGIN SELECT RAISE(ABORT, '{refusal}'); END
"""
POSTGRESQL = f"""
CREATE FUNCTION projects_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER projects_event_kept BEFORE UPDATE OR DELETE ON projects_event
FOR EACH ROW EXECUTE FUNCTION projects_event_kept();
"""


def forwards(_apps, editor):
    """Guard the table of events."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRESQL)
        return
    for verb in ("UPDATE", "DELETE"):
        editor.execute(SQLITE.format(verb=verb, refusal=REFUSAL))


def backwards(_apps, editor):
    """Take the guard away."""
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP TRIGGER projects_event_kept ON projects_event")
        editor.execute("DROP FUNCTION projects_event_kept()")
        return
    for verb in ("UPDATE", "DELETE"):
        editor.execute(f"DROP TRIGGER projects_event_no_{verb}")


class Migration(migrations.Migration):
    dependencies = [("projects", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
