"""Who said what about which use: statements that are superseded, never edited."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import Organization
from holdout.ids import new_id
from holdout.vocabulary import Preference, Preferences, UsageCategory
from registry.models import Declarant, Locator, Work


def statement_id() -> str:
    return new_id("stm")


def import_id() -> str:
    return new_id("imp")


def grant_id() -> str:
    return new_id("grt")


def revocation_id() -> str:
    return new_id("rvk")


def _preference_field() -> models.CharField[str, str]:
    return models.CharField(max_length=11, blank=True, choices=[(p.value, p.value) for p in Preference])


class Statement(models.Model):
    """What one declarant says about one subject from its log index on, until another supersedes it.

    An empty preference is *unset*; a statement with none set withdraws what it supersedes. A database
    trigger refuses UPDATE and DELETE. It is in force from its log entry's index (`ledger.LogEntry` with
    this public id) up to that of the statement that supersedes it.
    """

    public_id = models.CharField(max_length=40, unique=True, default=statement_id, editable=False)
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="statements")
    work = models.ForeignKey(Work, on_delete=models.PROTECT, null=True, related_name="statements")
    locator = models.ForeignKey(Locator, on_delete=models.PROTECT, null=True, related_name="statements")
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="superseded_by"
    )
    train_gen = _preference_field()
    train_other = _preference_field()
    ai_input = _preference_field()
    tdm = _preference_field()
    search = _preference_field()
    terms_url = models.URLField(blank=True, help_text="Where the terms of *conditional* stand.")
    vouched = models.BooleanField(default=False, help_text="Said for somebody else: may only restrict.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="statement_one_subject",
                condition=models.Q(work__isnull=True) ^ models.Q(locator__isnull=True),
            ),
            *(
                models.CheckConstraint(
                    name=f"statement_{use.value}",
                    condition=models.Q(**{f"{use.value}__in": ["", *(p.value for p in Preference)]}),
                )
                for use in UsageCategory
            ),
            # One chain per declarant and subject: a second first statement, or a fork, cannot be stored.
            models.UniqueConstraint(
                name="statement_first_on_work",
                fields=["declarant", "work"],
                condition=models.Q(supersedes__isnull=True, work__isnull=False),
            ),
            models.UniqueConstraint(
                name="statement_first_on_locator",
                fields=["declarant", "locator"],
                condition=models.Q(supersedes__isnull=True, locator__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Grant(models.Model):
    """One declarant permits one vendor some uses of everything that it says, until a date.

    It lifts from its log index on (`ledger.LogEntry` with this public id), until that of its revocation or
    until `expires_at`. Database triggers refuse UPDATE, DELETE and TRUNCATE.
    """

    public_id = models.CharField(max_length=40, unique=True, default=grant_id, editable=False)
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="grants")
    grantee = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="grants_received")
    uses = ArrayField(models.CharField(max_length=11))
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="grant_uses",
                condition=models.Q(uses__len__gte=1)
                & models.Q(uses__contained_by=[use.value for use in UsageCategory]),
            ),
            models.CheckConstraint(
                name="grant_ends_after_it_began", condition=models.Q(expires_at__gt=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Revocation(models.Model):
    """From its log index on a grant lifts nothing more. Triggers keep it as they keep the grant."""

    public_id = models.CharField(max_length=40, unique=True, default=revocation_id, editable=False)
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, related_name="revocation")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class Intention(models.Model):
    """What a declarant wants to have said later: of a place once it is proven, of either from a day on.

    Then it becomes a statement. There is one for each work and each place at most.
    """

    locator = models.OneToOneField(Locator, on_delete=models.CASCADE, null=True, related_name="intention")
    work = models.OneToOneField(Work, on_delete=models.CASCADE, null=True, related_name="intention")
    preferences = models.JSONField(help_text="Use -> preference.")
    terms_url = models.URLField(blank=True)
    starts_at = models.DateTimeField(null=True, help_text="Not before; none: at once.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="intention_one_subject",
                condition=models.Q(work__isnull=True) ^ models.Q(locator__isnull=True),
            ),
        ]
        indexes = [
            # consent.intentions.fulfil_intentions
            models.Index(
                name="intention_of_works", fields=["starts_at"], condition=models.Q(work__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"intention for {self.locator_id or self.work_id}"

    def said(self) -> Preferences:
        """What is to be said."""
        return {UsageCategory(use): Preference(value) for use, value in self.preferences.items()}


class Import(models.Model):
    """Many addresses of which the same is to be said, and how far that has come."""

    class State(models.TextChoices):
        READING = "reading"
        """The site map is still to be fetched."""
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    public_id = models.CharField(max_length=40, unique=True, default=import_id, editable=False)
    declarant = models.ForeignKey(Declarant, on_delete=models.CASCADE, related_name="imports")
    sitemap = models.TextField(blank=True, help_text="Where the addresses come from, if from a site map.")
    preferences = models.JSONField(help_text="Use -> preference.")
    terms_url = models.URLField(blank=True)
    state = models.CharField(max_length=7, choices=State, default=State.RUNNING)
    error = models.CharField(max_length=60, blank=True, help_text="Why it failed.")
    lease_until = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # consent.imports.work_once
            models.Index(
                name="import_open", fields=["id"], condition=models.Q(state__in=["reading", "running"])
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class ImportLine(models.Model):
    """One address of an import, and what came of it."""

    class Result(models.TextChoices):
        WAITING = "waiting"
        ADDED = "added"
        KNOWN = "known"
        """The same was said of it already."""
        REFUSED = "refused"

    job = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    target = models.TextField()
    result = models.CharField(max_length=7, choices=Result, default=Result.WAITING)
    code = models.CharField(max_length=60, blank=True, help_text="Why it was refused.")

    class Meta:
        constraints = [models.UniqueConstraint(name="importline_once", fields=["job", "number"])]
        indexes = [
            # consent.imports: the next piece
            models.Index(
                name="importline_waiting", fields=["job", "number"], condition=models.Q(result="waiting")
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.number} of {self.job_id}"
