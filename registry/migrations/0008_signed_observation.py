"""Observations are signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0007_control_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="observation",
            name="key",
            field=models.CharField(
                blank=True, db_default="", help_text="The id of the key that signed.", max_length=16
            ),
        ),
        migrations.AddField(
            model_name="observation",
            name="signature",
            field=models.BinaryField(
                help_text="holdout.receipts.sign_observation.", max_length=64, null=True
            ),
        ),
    ]
