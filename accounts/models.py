"""People, the organisations in which they act, the keys of programs, and the audit log."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from holdout.ids import new_id


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """A user without a usable password unless one is given: people sign in with a code."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an e-mail address."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(db_default=Now(), editable=False)
    next_digest_at = models.DateTimeField(null=True, help_text="Of who asked, by mail; none: not wanted.")

    USERNAME_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            # Django lets a superuser do everything; here staff may look, and act through services.
            models.CheckConstraint(name="user_no_superusers", condition=models.Q(is_superuser=False)),
        ]

    def __str__(self) -> str:
        return f"user {self.pk}"


def organization_id() -> str:
    return new_id("org")


class Organization(models.Model):
    """A tenant: whose rows are whose. Every person who signs up gets one of their own."""

    class Side(models.TextChoices):
        CREATOR = "creator"
        VENDOR = "vendor"

    public_id = models.CharField(max_length=40, unique=True, default=organization_id, editable=False)
    name = models.CharField(max_length=200)
    side = models.CharField(max_length=10, choices=Side)
    shared = models.BooleanField(
        default=False, db_default=False, help_text="Founded for several people; nobody's own."
    )
    may_fetch_snapshots = models.BooleanField(
        default=False, db_default=False, help_text="Vetted: may have the whole state to screen with."
    )
    may_vouch = models.BooleanField(
        default=False, db_default=False, help_text="May speak for people who gave it a mandate."
    )
    listed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Vetted, and creators may choose it to permit it something.",
    )
    accepts_inquiries = models.BooleanField(
        null=True, help_text="Whether vendors may write; none: only about what is conditional."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="organization_side", condition=models.Q(side__in=["creator", "vendor"])
            ),
            models.CheckConstraint(
                name="organization_vendors_do_not_vouch",
                condition=models.Q(may_vouch=False) | models.Q(side="creator"),
            ),
            models.CheckConstraint(
                name="organization_vendors_are_listed",
                condition=models.Q(listed=False) | models.Q(side="vendor"),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class Membership(models.Model):
    """A person acts for an organisation; a manager also says who else does, and with which keys."""

    class Role(models.TextChoices):
        MANAGER = "manager"
        MEMBER = "member"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="membership_once", fields=["organization", "user"]),
            models.CheckConstraint(
                name="membership_role", condition=models.Q(role__in=["manager", "member"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id}"


def invitation_id() -> str:
    return new_id("inv")


class Invitation(models.Model):
    """A link on its way to an address: whoever is signed in with that address may join. Gone once used."""

    public_id = models.CharField(max_length=40, unique=True, default=invitation_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(help_text="In lower case.")
    role = models.CharField(max_length=7, choices=Membership.Role)
    digest = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the link's code.")
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="invitation_once", fields=["organization", "email"]),
            models.CheckConstraint(
                name="invitation_role", condition=models.Q(role__in=["manager", "member"])
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


def api_key_id() -> str:
    return new_id("key")


class ApiKey(models.Model):
    """A program's key. Only its SHA-256 is kept: a copy of this table holds nothing that opens a door."""

    public_id = models.CharField(max_length=40, unique=True, default=api_key_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    hint = models.CharField(max_length=16, help_text="The key's first characters, to tell keys apart.")
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.public_id


def audit_event_id() -> str:
    return new_id("aud")


class AuditEvent(models.Model):
    """That somebody did something which others may have to answer for; for ever, and without personal data.

    Triggers refuse UPDATE, DELETE and TRUNCATE. No foreign keys: it outlives the person and the thing.
    """

    public_id = models.CharField(max_length=40, unique=True, default=audit_event_id, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    what = models.CharField(max_length=80, help_text="source:subject:action, such as staff:api_key:revoked.")
    actor = models.BigIntegerField(null=True, help_text="The user's number; none for programs.")
    object_id = models.CharField(max_length=60, help_text="What it was done to.")
    organization = models.CharField(max_length=40, blank=True, help_text="Whose that is.")
    request_id = models.CharField(max_length=64, blank=True)
    network = models.CharField(max_length=43, blank=True, help_text="The /24 or /64 it came from.")
    details = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="auditevent_what",
                condition=models.Q(what__regex="^[a-z_]+:[a-z_]+:[a-z_]+$"),
            ),
            models.CheckConstraint(
                name="auditevent_coarse_network",
                condition=models.Q(network="") | models.Q(network__regex="(/24|/64)$"),
            ),
        ]
        indexes = [
            # accounts.admin: what was done to one thing, and by one person
            models.Index(name="auditevent_object", fields=["object_id"]),
            models.Index(name="auditevent_actor", fields=["actor"]),
        ]

    def __str__(self) -> str:
        return self.public_id


def erasure_id() -> str:
    return new_id("ers")


class ErasureRequest(models.Model):
    """That a person wants to be forgotten. Each room pulls the running ones and says when its part is done.

    It holds nothing personal, and outlives the person.
    """

    class Kind(models.TextChoices):
        KEEP = "keep"
        """What was declared stays in force, said by nobody with a name."""
        WITHDRAW = "withdraw"
        """Everything is withdrawn first, and then erased."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"

    public_id = models.CharField(max_length=40, unique=True, default=erasure_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="erasures")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    language = models.CharField(max_length=10, default="en", help_text="For the mail that says it is done.")
    done = ArrayField(models.CharField(max_length=20), default=list, help_text="Rooms that did their part.")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(help_text="Until then the person may call it off.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="erasurerequest_one_open",
                fields=["user"],
                condition=models.Q(state__in=["waiting", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class IdempotentResponse(models.Model):
    """What was answered to a request that carried an Idempotency-Key, so that its retry does nothing twice.

    Whoever executes the request holds the row for as long as its lease lasts; taking it raises `fence`, and
    only the holder of the current fence may record the answer, in the transaction of what was done. Should
    it die, the next retry takes the row over.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32, help_text="SHA-256 of what stands before the body.")
    body_digest = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the body, once read.")
    state = models.CharField(max_length=7, choices=State, default=State.RUNNING)
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(db_default=Now())
    status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="idempotentresponse_once", fields=["organization", "key"]),
            models.CheckConstraint(
                name="idempotentresponse_done_has_a_status",
                condition=models.Q(state="running", status=None) | models.Q(state="done", status__gte=100),
            ),
        ]
        indexes = [
            # accounts.idempotency.sweep
            models.Index(name="idempotentresponse_age", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk}"
