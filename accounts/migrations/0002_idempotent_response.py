import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="IdempotentResponse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                (
                    "request_digest",
                    models.BinaryField(help_text="SHA-256 of what stands before the body.", max_length=32),
                ),
                (
                    "body_digest",
                    models.BinaryField(help_text="SHA-256 of the body, once read.", max_length=32, null=True),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done")], default="running", max_length=7
                    ),
                ),
                ("fence", models.IntegerField(default=0)),
                ("lease_until", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("status", models.SmallIntegerField(null=True)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField(default=bytes)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="idempotentresponse_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "key"), name="idempotentresponse_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), ("status", None)),
                            models.Q(("state", "done"), ("status__gte", 100)),
                            _connector="OR",
                        ),
                        name="idempotentresponse_done_has_a_status",
                    ),
                ],
            },
        ),
    ]
