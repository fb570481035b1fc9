"""Indexes of a table that may be large: built without locking it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("registry", "0006_control")]

    operations = [
        AddIndexConcurrently(
            model_name="authorization",
            index=models.Index(
                condition=models.Q(("level__gte", 2), ("locator__isnull", False), ("rests_on__isnull", True)),
                fields=["declarant"],
                name="authorization_of_a_place",
            ),
        ),
        AddIndexConcurrently(
            model_name="authorization",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="authorization_due"
            ),
        ),
    ]
