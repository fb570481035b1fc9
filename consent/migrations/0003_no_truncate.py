"""Statements are superseded, never edited: the database refuses to empty their table too."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON consent_statement
FOR EACH STATEMENT EXECUTE FUNCTION holdout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0002_append_only"), ("ledger", "0002_append_only")]
    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER no_truncate ON consent_statement;")]
