"""Mandates: on which consent an organisation speaks for a person, and of what."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import registry.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_organizations"),
        ("registry", "0008_signed_observation"),
    ]

    operations = [
        migrations.AddField(
            model_name="declarant",
            name="spoken_for",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Under a mandate: it may only restrict, until handed over.",
            ),
        ),
        migrations.CreateModel(
            name="Mandate",
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
                        default=registry.models.mandate_id, editable=False, max_length=40, unique=True
                    ),
                ),
                (
                    "reference",
                    models.CharField(help_text="The organisation's own name for its user.", max_length=200),
                ),
                (
                    "consent",
                    models.JSONField(help_text="What the person agreed to: text_sha256 or url, at, how."),
                ),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("url", "Url"),
                                ("account", "Account"),
                                ("path", "Path"),
                                ("sha256", "Sha256"),
                                ("host", "Host"),
                                ("domain", "Domain"),
                            ],
                            max_length=7,
                        ),
                        help_text="Of what it may say something.",
                        size=None,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "why",
                    models.CharField(
                        blank=True,
                        choices=[("ended", "Ended"), ("renewed", "Renewed"), ("handed_over", "Handed Over")],
                        help_text="Why it ended.",
                        max_length=11,
                    ),
                ),
                (
                    "handover_digest",
                    models.BinaryField(
                        help_text="SHA-256 of the code that hands over.",
                        max_length=32,
                        null=True,
                        unique=True,
                    ),
                ),
                ("handover_until", models.DateTimeField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "declarant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mandates",
                        to="registry.declarant",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mandates",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("organization", "reference"),
                        name="mandate_one_of_a_reference",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("declarant",),
                        name="mandate_one_of_a_declarant",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kinds__contained_by", ["url", "account", "path", "sha256", "host", "domain"]),
                            ("kinds__len__gte", 1),
                        ),
                        name="mandate_of_known_kinds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True), models.Q(("why", ""), _negated=True), _connector="XOR"
                        ),
                        name="mandate_end_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("handover_digest__isnull", True),
                            ("handover_until__isnull", False),
                            _connector="XOR",
                        ),
                        name="mandate_handover_has_an_end",
                    ),
                ],
            },
        ),
    ]
