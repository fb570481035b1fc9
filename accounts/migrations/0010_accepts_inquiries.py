"""Whether a creator wants to be written to by vendors."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_listed"),
    ]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="accepts_inquiries",
            field=models.BooleanField(
                help_text="Whether vendors may write; none: only about what is conditional.", null=True
            ),
        ),
    ]
