"""A job may read a column of fingerprints."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_may_fetch_snapshots"),
        ("lookup", "0004_checksums"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="lookupjob",
            name="lookupjob_reads_some_column",
        ),
        migrations.AddField(
            model_name="lookupjob",
            name="fingerprints_column",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddConstraint(
            model_name="lookupjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fingerprints_column", ""),
                    ("page_url_column", ""),
                    ("phash_column", ""),
                    ("sha256_column", ""),
                    ("url_column", ""),
                    _negated=True,
                ),
                name="lookupjob_reads_some_column",
            ),
        ),
    ]
