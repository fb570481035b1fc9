"""Imports of many addresses, and their lines."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import consent.models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0005_terms_can_be_erased"),
        ("registry", "0007_control_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Import",
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
                        default=consent.models.import_id, editable=False, max_length=40, unique=True
                    ),
                ),
                (
                    "sitemap",
                    models.TextField(
                        blank=True, help_text="Where the addresses come from, if from a site map."
                    ),
                ),
                ("preferences", models.JSONField(help_text="Use -> preference.")),
                ("terms_url", models.URLField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("reading", "Reading"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=7,
                    ),
                ),
                ("error", models.CharField(blank=True, help_text="Why it failed.", max_length=60)),
                ("lease_until", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "declarant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="imports",
                        to="registry.declarant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("target", models.TextField()),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("added", "Added"),
                            ("known", "Known"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("code", models.CharField(blank=True, help_text="Why it was refused.", max_length=60)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="consent.import"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(
                condition=models.Q(("state__in", ["reading", "running"])), fields=["id"], name="import_open"
            ),
        ),
        migrations.AddIndex(
            model_name="importline",
            index=models.Index(
                condition=models.Q(("result", "waiting")), fields=["job", "number"], name="importline_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="importline",
            constraint=models.UniqueConstraint(fields=("job", "number"), name="importline_once"),
        ),
    ]
