"""Who declares, which work, which file, which place, and how well each is proven."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import Organization
from holdout.ids import new_id
from holdout.resolution import Assurance
from holdout.urls import KeyKind


def declarant_id() -> str:
    return new_id("dcl")


def work_id() -> str:
    return new_id("wrk")


def asset_id() -> str:
    return new_id("ast")


def locator_id() -> str:
    return new_id("loc")


def authorization_id() -> str:
    return new_id("aut")


def observation_id() -> str:
    return new_id("obs")


def sample_id() -> str:
    return new_id("smp")


def challenge_id() -> str:
    return new_id("chl")


def lapse_id() -> str:
    return new_id("lps")


def standing_id() -> str:
    return new_id("std")


def mandate_id() -> str:
    return new_id("mnd")


class Declarant(models.Model):
    """The party that states a preference: author, rightsholder, agent, society, platform."""

    public_id = models.CharField(max_length=40, unique=True, default=declarant_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="declarants")
    name = models.CharField(max_length=200, blank=True, help_text="A pseudonym will do.")
    spoken_for = models.BooleanField(
        default=False, db_default=False, help_text="Under a mandate: it may only restrict, until handed over."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class Work(models.Model):
    """A creation, independent of its files and places."""

    public_id = models.CharField(max_length=40, unique=True, default=work_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="works")
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="works")
    title = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # registry.queries.works_of: a creator's list, newest first
            models.Index(name="work_list", fields=["organization", "-created_at"]),
        ]

    def __str__(self) -> str:
        return self.public_id


class Asset(models.Model):
    """One file of a work. The picture itself is deleted as soon as its fingerprints are taken."""

    class State(models.TextChoices):
        RECEIVED = "received"
        FINGERPRINTED = "fingerprinted"
        REFUSED = "refused"

    public_id = models.CharField(max_length=40, unique=True, default=asset_id, editable=False)
    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="assets")
    state = models.CharField(max_length=15, choices=State, default=State.RECEIVED)
    refusal_code = models.CharField(max_length=60, blank=True)
    refusal_detail = models.CharField(max_length=500, blank=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="asset_refusal_has_a_code",
                condition=models.Q(state="refused") ^ models.Q(refusal_code=""),
            ),
        ]
        indexes = [
            # registry.ingest.sweep: uploads that nobody came back for
            models.Index(
                name="asset_unfinished",
                fields=["created_at"],
                condition=~models.Q(state="fingerprinted"),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Fingerprint(models.Model):
    """What one versioned algorithm says of an asset as a whole; how it looks stands in `Looks`.

    Of a file that only a browser saw (`registry.unseen`) both codes stand here, and `CODES`.
    """

    CODES: Final = "codes/1"
    """The SHA-256 of phash-256/1 and pdq-256/1: the name of looks of which only these codes are known.

    Not the file's own digest: of looks with one digest the later ones count, and a stranger's word must not
    take the place of what an upload has shown.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="fingerprints")
    algorithm = models.CharField(max_length=30)
    value = models.BinaryField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="fingerprint_once", fields=["asset", "algorithm"]),
        ]
        indexes = [
            # registry.queries.assets_by_digest, lookup.feed
            models.Index(name="fingerprint_value", fields=["algorithm", "value"]),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} of {self.asset_id}"


class Looks(models.Model):
    """What an asset looks like, pane by pane: what near copies of it are found by."""

    asset = models.OneToOneField(Asset, on_delete=models.CASCADE, related_name="looks")
    value = models.BinaryField(
        help_text="holdout.fingerprints.picture.PictureFingerprints.to_bytes of the registration."
    )

    class Meta:
        verbose_name_plural = "looks"

    def __str__(self) -> str:
        return f"looks of {self.asset_id}"


class Standing(models.Model):
    """What an asset's looks may lead to from its log index on. A database trigger refuses UPDATE and DELETE.

    An asset of which none speaks is live. Assets of one file share a standing: the one logged last counts.
    """

    class Word(models.TextChoices):
        LIVE = "live"
        QUARANTINED = "quarantined"
        """Near copies are at most for review."""
        GONE = "gone"
        """No near copy is found."""

    class Reason(models.TextChoices):
        RIVAL_CLAIMS = "rival_claims"
        GENERIC = "generic"
        STAFF = "staff"
        ERASED = "erased"

    public_id = models.CharField(max_length=40, unique=True, default=standing_id, editable=False)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="standings")
    standing = models.CharField(max_length=11, choices=Word)
    reason = models.CharField(max_length=12, choices=Reason)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class Locator(models.Model):
    """A place: one URL, a picture of a known host, a path prefix, an account, a host, a domain.

    With a work: where that work is found.
    """

    public_id = models.CharField(max_length=40, unique=True, default=locator_id, editable=False)
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="locators")
    work = models.ForeignKey(Work, on_delete=models.CASCADE, null=True, related_name="locators")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in KeyKind])
    target = models.TextField(help_text="As the declarant gave it.")
    key = models.TextField(help_text="The canonical key's text.")
    key_check = models.BinaryField(max_length=16, help_text="holdout.urls.key_check of the key.")
    belongs_to = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        related_name="belongings",
        help_text="The place with which this one is proven and spoken of: another address of one account.",
    )
    registration = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        editable=False,
        help_text="A work's place: the log record that added it.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="locator_once", fields=["declarant", "key_check", "work"], nulls_distinct=False
            ),
            # A work's place changes answers by itself, so it takes effect through the log; a place that
            # stands for itself only with the statement about it.
            models.CheckConstraint(
                name="locator_of_a_work_is_logged",
                condition=models.Q(registration="") ^ models.Q(work__isnull=False),
            ),
        ]
        indexes = [
            # lookup.feed.said_of_places, registry.control
            models.Index(name="locator_key_check", fields=["key_check"]),
            # lookup.feed.changed_places
            models.Index(
                name="locator_registration",
                fields=["registration"],
                condition=~models.Q(registration=""),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Sample(models.Model):
    """One address of which somebody said something unproven, drawn for the staff to look at."""

    class Word(models.TextChoices):
        WAITING = "waiting"
        FINE = "fine"
        DOUBTFUL = "doubtful"
        """Its declarant registers no more addresses until they have proven a place."""

    public_id = models.CharField(max_length=40, unique=True, default=sample_id, editable=False)
    locator = models.OneToOneField(Locator, on_delete=models.CASCADE, related_name="sample")
    word = models.CharField(max_length=8, choices=Word, default=Word.WAITING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # registry.samples: what waits of a declarant, and what was doubtful
            models.Index(
                name="sample_not_fine",
                fields=["locator"],
                condition=models.Q(word__in=["waiting", "doubtful"]),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Challenge(models.Model):
    """A code that a declarant is asked to put where only who controls a place can put it."""

    public_id = models.CharField(max_length=40, unique=True, default=challenge_id, editable=False)
    locator = models.ForeignKey(Locator, on_delete=models.CASCADE, related_name="challenges")
    code = models.CharField(max_length=26, unique=True, editable=False)
    expires_at = models.DateTimeField(help_text="Not met by then, it is replaced.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class Sighting(models.Model):
    """A member of staff saw a challenge's code with their own eyes, where strangers' programs cannot look."""

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="sightings")
    staff = models.BigIntegerField(help_text="The user's number.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="sighting_once", fields=["challenge", "staff"])]

    def __str__(self) -> str:
        return f"{self.staff} saw {self.challenge_id}"


class Authorization(models.Model):
    """Proof that a declarant controls one asset or one locator, and how strong it is.

    It holds from its log index up to that of its lapse, or of the lapse of the one that it rests on.
    """

    public_id = models.CharField(max_length=40, unique=True, default=authorization_id, editable=False)
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="authorizations")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, null=True, related_name="authorizations")
    locator = models.ForeignKey(Locator, on_delete=models.CASCADE, null=True, related_name="authorizations")
    level = models.PositiveSmallIntegerField(choices=[(level.value, level.name) for level in Assurance])
    method = models.CharField(max_length=30, help_text="How it was proven: upload, operator, dns ...")
    challenge = models.ForeignKey(
        Challenge, on_delete=models.PROTECT, null=True, related_name="authorizations"
    )
    rests_on = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        related_name="carried",
        help_text="The proof of a place that this one lies in or belongs to.",
    )
    where = models.TextField(blank=True, db_default="", help_text="The address at which the code stood.")
    due_at = models.DateTimeField(null=True, help_text="When it is looked at again; none: never.")
    missing_since = models.DateTimeField(null=True, help_text="The code has not been found since.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="authorization_one_subject",
                condition=models.Q(asset__isnull=True) ^ models.Q(locator__isnull=True),
            ),
            models.CheckConstraint(
                name="authorization_level", condition=models.Q(level__gte=0, level__lte=5)
            ),
        ]
        indexes = [
            # registry.assurances.BY_PLACES
            models.Index(
                name="authorization_of_a_place",
                fields=["declarant"],
                condition=models.Q(locator__isnull=False, rests_on__isnull=True, level__gte=2),
            ),
            # registry.upkeep.due
            models.Index(
                name="authorization_due", fields=["due_at"], condition=models.Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Lapse(models.Model):
    """From its log index on a proof holds no more."""

    class Reason(models.TextChoices):
        GONE = "gone"
        """The code was not found for longer than is waited."""
        STAFF = "staff"

    public_id = models.CharField(max_length=40, unique=True, default=lapse_id, editable=False)
    authorization = models.OneToOneField(Authorization, on_delete=models.PROTECT, related_name="lapse")
    reason = models.CharField(max_length=5, choices=Reason)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.public_id


class Observation(models.Model):
    """What stood at a place for machines to read, when we looked: dated by the log, if the place answered."""

    public_id = models.CharField(max_length=40, unique=True, default=observation_id, editable=False)
    locator = models.ForeignKey(Locator, on_delete=models.CASCADE, related_name="observations")
    signals = models.JSONField(default=list, help_text="[standard, place] of each signal that restricts.")
    missing = models.JSONField(default=list, help_text="Those that the observation before had.")
    error = models.CharField(max_length=60, blank=True, help_text="Why nothing could be read.")
    signature = models.BinaryField(max_length=64, null=True, help_text="holdout.receipts.sign_observation.")
    key = models.CharField(
        max_length=16, blank=True, db_default="", help_text="The id of the key that signed."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # registry.observing.due and observe: a place's latest
            models.Index(name="observation_latest", fields=["locator", "-created_at"]),
        ]

    def __str__(self) -> str:
        return self.public_id


class SubjectKind(models.TextChoices):
    """What a platform can register for its users."""

    URL = "url"
    ACCOUNT = "account"
    PATH = "path"
    SHA256 = "sha256"
    HOST = "host"
    DOMAIN = "domain"


class Mandate(models.Model):
    """That an organisation speaks for a person, on which consent, of what, until when.

    It says new things while it is neither ended nor expired; what was said under it stands.
    """

    class Why(models.TextChoices):
        ENDED = "ended"
        """By the organisation."""
        RENEWED = "renewed"
        """Expired, and another took its place."""
        HANDED_OVER = "handed_over"
        """The person speaks for themselves."""

    public_id = models.CharField(max_length=40, unique=True, default=mandate_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="mandates")
    declarant = models.ForeignKey(Declarant, on_delete=models.PROTECT, related_name="mandates")
    reference = models.CharField(max_length=200, help_text="The organisation's own name for its user.")
    consent = models.JSONField(help_text="What the person agreed to: text_sha256 or url, at, how.")
    kinds = ArrayField(
        models.CharField(max_length=7, choices=SubjectKind), help_text="Of what it may say something."
    )
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=11, choices=Why, blank=True, help_text="Why it ended.")
    handover_digest = models.BinaryField(
        max_length=32, null=True, unique=True, help_text="SHA-256 of the code that hands over."
    )
    handover_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="mandate_one_of_a_reference",
                fields=["organization", "reference"],
                condition=models.Q(ended_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="mandate_one_of_a_declarant",
                fields=["declarant"],
                condition=models.Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="mandate_of_known_kinds",
                condition=models.Q(kinds__contained_by=SubjectKind.values, kinds__len__gte=1),
            ),
            models.CheckConstraint(
                name="mandate_end_has_a_reason",
                condition=models.Q(ended_at__isnull=True) ^ ~models.Q(why=""),
            ),
            models.CheckConstraint(
                name="mandate_handover_has_an_end",
                condition=models.Q(handover_digest__isnull=True) ^ models.Q(handover_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
