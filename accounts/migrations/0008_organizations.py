"""Organisations of several people: roles, invitations, and which of them may vouch for others."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import accounts.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_next_digest_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
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
                        default=accounts.models.invitation_id, editable=False, max_length=40, unique=True
                    ),
                ),
                ("email", models.EmailField(help_text="In lower case.", max_length=254)),
                (
                    "role",
                    models.CharField(choices=[("manager", "Manager"), ("member", "Member")], max_length=7),
                ),
                (
                    "digest",
                    models.BinaryField(help_text="SHA-256 of the link's code.", max_length=32, unique=True),
                ),
                ("expires_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="membership",
            name="role",
            # Who acts for an organisation today made it, or was let in from the shell.
            field=models.CharField(
                choices=[("manager", "Manager"), ("member", "Member")], default="manager", max_length=7
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[("manager", "Manager"), ("member", "Member")], default="member", max_length=7
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="may_vouch",
            field=models.BooleanField(
                db_default=False, default=False, help_text="May speak for people who gave it a mandate."
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="shared",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Founded for several people; nobody's own."
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["manager", "member"])), name="membership_role"
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("may_vouch", False), ("side", "creator"), _connector="OR"),
                name="organization_vendors_do_not_vouch",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="organization",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="invitations",
                to="accounts.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(fields=("organization", "email"), name="invitation_once"),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["manager", "member"])), name="invitation_role"
            ),
        ),
    ]
