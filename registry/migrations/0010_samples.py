"""Unproven claims that the staff looks at."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import registry.models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_mandate"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sample",
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
                        default=registry.models.sample_id, editable=False, max_length=40, unique=True
                    ),
                ),
                (
                    "word",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("fine", "Fine"), ("doubtful", "Doubtful")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "locator",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sample",
                        to="registry.locator",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("word__in", ["waiting", "doubtful"])),
                        fields=["locator"],
                        name="sample_not_fine",
                    )
                ],
            },
        ),
    ]
