"""What vendors write to those who declared, and whom these do not want to read."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import lookup.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_accepts_inquiries"),
        ("consent", "0009_grant"),
        ("lookup", "0006_near_hits"),
    ]

    operations = [
        migrations.CreateModel(
            name="Inquiry",
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
                        default=lookup.models.inquiry_id, editable=False, max_length=40, unique=True
                    ),
                ),
                ("message", models.TextField(max_length=4000)),
                ("reply_to", models.EmailField(max_length=254)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Sent"), ("withheld", "Withheld")],
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
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="inquiries",
                        to="accounts.organization",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="inquiries",
                        to="consent.statement",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "inquiries",
                "indexes": [
                    models.Index(fields=["organization", "-created_at"], name="inquiry_vendor"),
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["id"], name="inquiry_waiting"
                    ),
                    models.Index(fields=["created_at"], name="inquiry_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Mute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
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
                        related_name="mutes",
                        to="accounts.organization",
                    ),
                ),
                (
                    "vendor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organization", "vendor"), name="mute_once")],
            },
        ),
    ]
