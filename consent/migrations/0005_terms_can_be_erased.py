"""The address of somebody's terms may be personal: it alone can be emptied. Everything else stays append-only."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION consent_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.terms_url = '' THEN
        OLD.terms_url := '';
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
TRIGGER = """
DROP TRIGGER append_only ON consent_statement;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_statement
FOR EACH ROW EXECUTE FUNCTION consent_refuse_change();
"""
UNDONE = """
DROP TRIGGER append_only ON consent_statement;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_statement
FOR EACH ROW EXECUTE FUNCTION holdout_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("consent", "0004_intention")]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION consent_refuse_change();"),
        migrations.RunSQL(TRIGGER, UNDONE),
    ]
