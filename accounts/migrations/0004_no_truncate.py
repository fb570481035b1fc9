"""The audit log, for ever: the database refuses to empty its table too."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON accounts_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION accounts_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_audit")]
    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER no_truncate ON accounts_auditevent;")]
