"""People, the organisations in which they act, and the keys with which programs act for an organisation."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
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

    USERNAME_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

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
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="organization_side", condition=models.Q(side__in=["creator", "vendor"])
            )
        ]

    def __str__(self) -> str:
        return self.public_id


class Membership(models.Model):
    """A person acts for an organisation."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="membership_once", fields=["organization", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id}"


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

    def __str__(self) -> str:
        return self.public_id
