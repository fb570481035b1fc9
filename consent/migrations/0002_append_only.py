"""Statements are superseded, never edited: the database itself refuses to change or delete one."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_statement
FOR EACH ROW EXECUTE FUNCTION holdout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial"), ("ledger", "0002_append_only")]
    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER append_only ON consent_statement;")]
