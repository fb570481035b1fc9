"""Log entries are for ever: the database itself refuses to change or delete one."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION holdout_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_logentry
FOR EACH ROW EXECUTE FUNCTION holdout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION holdout_refuse_change();"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER append_only ON ledger_logentry;"),
    ]
