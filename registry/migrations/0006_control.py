"""Proof of control: challenges, what met them, and lapses, which the database refuses to change."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import registry.models

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON registry_lapse
FOR EACH ROW EXECUTE FUNCTION holdout_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON registry_lapse
FOR EACH STATEMENT EXECUTE FUNCTION holdout_refuse_change();
"""
UNDONE = """
DROP TRIGGER append_only ON registry_lapse;
DROP TRIGGER no_truncate ON registry_lapse;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0005_observation"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lapse",
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
                        default=registry.models.lapse_id, editable=False, max_length=40, unique=True
                    ),
                ),
                ("reason", models.CharField(choices=[("gone", "Gone"), ("staff", "Staff")], max_length=5)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Sighting",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("staff", models.BigIntegerField(help_text="The user's number.")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="authorization",
            name="due_at",
            field=models.DateTimeField(help_text="When it is looked at again; none: never.", null=True),
        ),
        migrations.AddField(
            model_name="authorization",
            name="missing_since",
            field=models.DateTimeField(help_text="The code has not been found since.", null=True),
        ),
        migrations.AddField(
            model_name="authorization",
            name="rests_on",
            field=models.ForeignKey(
                help_text="The proof of a place that this one lies in or belongs to.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="carried",
                to="registry.authorization",
            ),
        ),
        migrations.AddField(
            model_name="authorization",
            name="where",
            field=models.TextField(
                blank=True, db_default="", help_text="The address at which the code stood."
            ),
        ),
        migrations.AddField(
            model_name="locator",
            name="belongs_to",
            field=models.ForeignKey(
                help_text="The place with which this one is proven and spoken of: another address of one account.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="belongings",
                to="registry.locator",
            ),
        ),
        migrations.CreateModel(
            name="Challenge",
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
                        default=registry.models.challenge_id, editable=False, max_length=40, unique=True
                    ),
                ),
                ("code", models.CharField(editable=False, max_length=26, unique=True)),
                ("expires_at", models.DateTimeField(help_text="Not met by then, it is replaced.")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "locator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="challenges",
                        to="registry.locator",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="authorization",
            name="challenge",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="authorizations",
                to="registry.challenge",
            ),
        ),
        migrations.AddField(
            model_name="lapse",
            name="authorization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="lapse", to="registry.authorization"
            ),
        ),
        migrations.AddField(
            model_name="sighting",
            name="challenge",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="sightings", to="registry.challenge"
            ),
        ),
        migrations.AddConstraint(
            model_name="sighting",
            constraint=models.UniqueConstraint(fields=("challenge", "staff"), name="sighting_once"),
        ),
        migrations.RunSQL(TRIGGERS, UNDONE),
    ]
