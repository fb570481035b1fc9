"""Where the clock finds what is due of works."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("consent", "0007_later")]

    operations = [
        AddIndexConcurrently(
            model_name="intention",
            index=models.Index(
                condition=models.Q(("work__isnull", False)), fields=["starts_at"], name="intention_of_works"
            ),
        ),
    ]
