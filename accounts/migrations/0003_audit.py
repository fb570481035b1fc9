"""The audit log, for ever: the database itself refuses to change or delete an event. And no superusers."""

import django.db.models.functions.datetime
from django.db import migrations, models

import accounts.models

# Not ledger's function: accounts and ledger stand side by side and do not know each other.
FUNCTION = """
CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""
TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_idempotent_response"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=accounts.models.audit_event_id, editable=False, max_length=40, unique=True
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        help_text="source:subject:action, such as staff:api_key:revoked.", max_length=80
                    ),
                ),
                (
                    "actor",
                    models.BigIntegerField(help_text="The user's number; none for programs.", null=True),
                ),
                ("object_id", models.CharField(help_text="What it was done to.", max_length=60)),
                ("organization", models.CharField(blank=True, help_text="Whose that is.", max_length=40)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "network",
                    models.CharField(blank=True, help_text="The /24 or /64 it came from.", max_length=43),
                ),
                ("details", models.JSONField(default=dict)),
            ],
        ),
        migrations.AlterModelOptions(name="apikey", options={"verbose_name": "API key"}),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_superuser", False)), name="user_no_superusers"
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["object_id"], name="auditevent_object"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor"], name="auditevent_actor"),
        ),
        migrations.AddConstraint(
            model_name="auditevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("what__regex", "^[a-z_]+:[a-z_]+:[a-z_]+$")), name="auditevent_what"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("network", ""), ("network__regex", "(/24|/64)$"), _connector="OR"),
                name="auditevent_coarse_network",
            ),
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION accounts_refuse_change();"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER append_only ON accounts_auditevent;"),
    ]
