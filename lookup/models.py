"""Bulk runs: the job, its steps (the truth about what is done), the receipt; hits; inquiries; snapshots."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import Organization
from consent.models import Statement
from holdout.ids import new_id


def job_id() -> str:
    return new_id("job")


def receipt_id() -> str:
    return new_id("lrc")


def inquiry_id() -> str:
    return new_id("inq")


class LookupJob(models.Model):
    """A vendor's file of rows, screened by workers."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Format(models.TextChoices):
        CSV = "csv"
        PARQUET = "parquet"
        NDJSON = "ndjson"
        TEXT = "text"

    class Answers(models.TextChoices):
        ALL = "all"
        HITS = "hits"

    public_id = models.CharField(max_length=40, unique=True, default=job_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="lookup_jobs")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    upload_format = models.CharField(max_length=8, choices=Format)
    answers = models.CharField(max_length=4, choices=Answers, default=Answers.ALL, db_default="all")
    upload_sha256 = models.BinaryField(max_length=32)
    upload_bytes = models.BigIntegerField()
    url_column = models.CharField(max_length=200, blank=True)
    sha256_column = models.CharField(max_length=200, blank=True)
    page_url_column = models.CharField(max_length=200, blank=True, db_default="")
    phash_column = models.CharField(max_length=200, blank=True, db_default="")
    fingerprints_column = models.CharField(max_length=200, blank=True, db_default="")
    rows = models.BigIntegerField(null=True, help_text="Known once the upload has been cut into pieces.")
    result_name = models.CharField(max_length=100, blank=True)
    result_sha256 = models.BinaryField(max_length=32, null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True, help_text="When its files were deleted (retention).")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="lookupjob_failed_has_a_code",
                condition=models.Q(state="failed") ^ models.Q(error_code=""),
            ),
            models.CheckConstraint(
                name="lookupjob_done_has_a_result",
                condition=~models.Q(state="done") | models.Q(result_sha256__isnull=False),
            ),
            models.CheckConstraint(
                name="lookupjob_reads_some_column",
                condition=~models.Q(
                    url_column="",
                    sha256_column="",
                    page_url_column="",
                    phash_column="",
                    fingerprints_column="",
                ),
            ),
        ]
        indexes = [
            # lookup.queries.jobs_of
            models.Index(name="lookupjob_list", fields=["organization", "-created_at"]),
            # lookup.jobs.sweep
            models.Index(
                name="lookupjob_unswept", fields=["finished_at"], condition=models.Q(swept_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class JobStep(models.Model):
    """A piece of a job's work that one worker does at a time.

    A worker takes a step for as long as its lease lasts; taking it raises `fence`, and only the holder of
    the current fence may record the result, in the transaction that marks the step done. A worker that
    died, or came back from the dead, therefore changes nothing.
    """

    class Kind(models.TextChoices):
        SPLIT = "split"
        SCREEN = "screen"
        JOIN = "join"

    job = models.ForeignKey(LookupJob, on_delete=models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=6, choices=Kind)
    number = models.IntegerField(default=0, help_text="The piece of the upload, for screen steps.")
    done = models.BooleanField(default=False)
    fence = models.IntegerField(default=0)
    forgiven = models.IntegerField(
        default=0, db_default=0, help_text="The fence at which the job was resumed."
    )
    lease_until = models.DateTimeField(null=True)
    rows = models.IntegerField(default=0)
    first_row = models.BigIntegerField(
        default=0, db_default=0, help_text="Where in the upload its rows begin, from 0."
    )
    input_name = models.CharField(max_length=100, blank=True)
    input_checksum = models.BinaryField(max_length=16, null=True)
    output_name = models.CharField(max_length=100, blank=True)
    output_sha256 = models.BinaryField(max_length=32, null=True)
    log_index = models.BigIntegerField(null=True, help_text="The declarations log index of its answers.")
    index_version = models.BigIntegerField(null=True, help_text="The read index that answered.")
    counts = models.JSONField(default=dict, help_text="Rows by outcome.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="jobstep_once", fields=["job", "kind", "number"]),
            models.CheckConstraint(
                name="jobstep_done_screen_has_output",
                condition=~models.Q(done=True, kind="screen") | models.Q(output_sha256__isnull=False),
            ),
        ]
        indexes = [
            # lookup.steps.take: the oldest open step
            models.Index(name="jobstep_open", fields=["id"], condition=models.Q(done=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of job {self.job_id}"


class LookupReceipt(models.Model):
    """Proof that a vendor asked and what it was told; committed to the `lookups` log."""

    public_id = models.CharField(max_length=40, unique=True, default=receipt_id, editable=False)
    job = models.OneToOneField(LookupJob, on_delete=models.CASCADE, related_name="receipt")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class HitBatch(models.Model):
    """What one lookup, or one piece of a job, hit; gone once it is counted (`lookup.hits`)."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    statements = models.BinaryField(help_text="The 128 bits of each statement's public id.")
    counts = models.BinaryField(help_text="Rows that each of them was found for: uint32, little-endian.")

    def __str__(self) -> str:
        return f"hits of {self.organization_id} at {self.at:%Y-%m-%d %H:%M}"


class HitCount(models.Model):
    """For how many pictures an organisation was told of a statement on one day (UTC)."""

    statement = models.UUIDField(help_text="The 128 bits of the statement's public id.")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    rows = models.BigIntegerField()

    class Meta:
        constraints = [
            # lookup.hits.who_asked
            models.UniqueConstraint(name="hitcount_once", fields=["statement", "organization", "day"]),
        ]
        indexes = [
            # lookup.hits.sweep
            models.Index(name="hitcount_day", fields=["day"]),
        ]

    def __str__(self) -> str:
        return f"{self.rows} on {self.day}"


class NearHit(models.Model):
    """How a near copy that an organisation asked about lies on the registered picture; see `lookup.hits`."""

    statement = models.UUIDField(help_text="The 128 bits of the statement's public id.")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)
    method = models.CharField(max_length=20, help_text="How it was found, as in answers.")
    mirrored = models.BooleanField()
    inverted = models.BooleanField()
    outline = ArrayField(
        models.FloatField(),
        size=8,
        help_text="x, y of four corners: shares of the registered picture's sides.",
    )
    aspect = models.FloatField(help_text="Width of the registered picture over its height.")

    class Meta:
        indexes = [
            # lookup.hits.seen_copies
            models.Index(name="nearhit_statement", fields=["statement", "-at"]),
            # lookup.hits.sweep
            models.Index(name="nearhit_at", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.method} at {self.at:%Y-%m-%d %H:%M}"


class Inquiry(models.Model):
    """What a vendor writes about a statement that it was told of, to whoever said that."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        WITHHELD = "withheld"
        """Not wanted, or from who is muted. The vendor never learns that."""

    public_id = models.CharField(max_length=40, unique=True, default=inquiry_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="inquiries")
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="inquiries")
    message = models.TextField(max_length=4_000)
    reply_to = models.EmailField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # lookup.inquiries.write_about: how many a vendor wrote lately
            models.Index(name="inquiry_vendor", fields=["organization", "-created_at"]),
            # lookup.inquiries.deliver
            models.Index(name="inquiry_waiting", fields=["id"], condition=models.Q(state="waiting")),
            # lookup.inquiries.sweep
            models.Index(name="inquiry_age", fields=["created_at"]),
        ]
        verbose_name_plural = "inquiries"

    def __str__(self) -> str:
        return self.public_id


class Mute(models.Model):
    """A creator reads nothing more of a vendor."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="mutes")
    vendor = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="mute_once", fields=["organization", "vendor"])]

    def __str__(self) -> str:
        return f"{self.organization_id} mutes {self.vendor_id}"


class Snapshot(models.Model):
    """A published file for vendors: a version's whole state, or the change to it from another version.

    `version` is in unix seconds; versions only go up.
    """

    version = models.BigIntegerField()
    since = models.BigIntegerField(default=0, help_text="The version that a delta starts from; 0 for a base.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    log_index = models.BigIntegerField(help_text="It holds what the declarations log says up to here.")
    prefixes = models.BigIntegerField(help_text="Entries of the whole state.")
    name = models.CharField(max_length=60, unique=True)
    sha256 = models.BinaryField(max_length=32)
    bytes = models.BigIntegerField()

    class Meta:
        constraints = [
            # lookup.published: the newest version, and what leads to it
            models.UniqueConstraint(name="snapshot_once", fields=["version", "since"]),
            models.CheckConstraint(
                name="snapshot_goes_forwards", condition=models.Q(since__gte=0, since__lt=models.F("version"))
            ),
        ]

    def __str__(self) -> str:
        return self.name
