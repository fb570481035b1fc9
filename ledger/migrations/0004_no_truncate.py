"""Log entries are for ever: the database refuses to empty their table too."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_logentry
FOR EACH STATEMENT EXECUTE FUNCTION holdout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_pending_entries")]
    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER no_truncate ON ledger_logentry;")]
