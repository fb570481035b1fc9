"""A work's place takes effect through the log: `registration` names the record that added it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # an index is built beside the writers, not before them
    dependencies = [("registry", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="locator",
            name="registration",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="A work's place: the log record that added it.",
                max_length=40,
                db_default="",
            ),
        ),
        AddIndexConcurrently(
            model_name="locator",
            index=models.Index(
                name="locator_registration",
                fields=["registration"],
                condition=models.Q(("registration", ""), _negated=True),
            ),
        ),
        migrations.AddConstraint(
            model_name="locator",
            constraint=models.CheckConstraint(
                name="locator_of_a_work_is_logged",
                condition=models.Q(("registration", ""), ("work__isnull", False), _connector="XOR"),
            ),
        ),
    ]
