"""Vendors that creators may choose to permit them something."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_organizations"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="listed",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Vetted, and creators may choose it to permit it something.",
            ),
        ),
        migrations.AddConstraint(
            model_name="organization",
            constraint=models.CheckConstraint(
                condition=models.Q(("listed", False), ("side", "vendor"), _connector="OR"),
                name="organization_vendors_are_listed",
            ),
        ),
    ]
