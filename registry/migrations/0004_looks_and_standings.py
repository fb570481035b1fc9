"""What files look like, and what that may lead to. A standing is for ever: the database refuses to change one."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import registry.models

TRIGGERS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON registry_standing
FOR EACH ROW EXECUTE FUNCTION holdout_refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON registry_standing
FOR EACH STATEMENT EXECUTE FUNCTION holdout_refuse_change();
"""
UNDONE = """
DROP TRIGGER append_only ON registry_standing;
DROP TRIGGER no_truncate ON registry_standing;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_no_truncate"),
        ("registry", "0003_pictures_and_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Looks",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "value",
                    models.BinaryField(
                        help_text="holdout.fingerprints.picture.PictureFingerprints.to_bytes of the registration."
                    ),
                ),
                (
                    "asset",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="registry.asset"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "looks",
            },
        ),
        migrations.CreateModel(
            name="Standing",
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
                        default=registry.models.standing_id, editable=False, max_length=40, unique=True
                    ),
                ),
                (
                    "standing",
                    models.CharField(
                        choices=[("live", "Live"), ("quarantined", "Quarantined"), ("gone", "Gone")],
                        max_length=11,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("rival_claims", "Rival Claims"),
                            ("generic", "Generic"),
                            ("staff", "Staff"),
                            ("erased", "Erased"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="standings",
                        to="registry.asset",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(TRIGGERS, UNDONE),
    ]
