"""What is to be said of works too, and from a day on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0006_imports"),
        ("registry", "0009_mandate"),
    ]

    operations = [
        migrations.AddField(
            model_name="intention",
            name="starts_at",
            field=models.DateTimeField(help_text="Not before; none: at once.", null=True),
        ),
        migrations.AddField(
            model_name="intention",
            name="work",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="intention",
                to="registry.work",
            ),
        ),
        migrations.AlterField(
            model_name="intention",
            name="locator",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="intention",
                to="registry.locator",
            ),
        ),
        migrations.AddConstraint(
            model_name="intention",
            constraint=models.CheckConstraint(
                condition=models.Q(("work__isnull", True), ("locator__isnull", True), _connector="XOR"),
                name="intention_one_subject",
            ),
        ),
    ]
