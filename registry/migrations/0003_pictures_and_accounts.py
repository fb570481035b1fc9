"""Two kinds of place more: a picture of a known image host, and an account there. Nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_places_in_the_log")]
    operations = [
        migrations.AlterField(
            model_name="locator",
            name="kind",
            field=models.CharField(
                choices=[
                    ("url", "url"),
                    ("path", "path"),
                    ("host", "host"),
                    ("domain", "domain"),
                    ("picture", "picture"),
                    ("account", "account"),
                ],
                max_length=10,
            ),
        ),
    ]
