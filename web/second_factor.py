"""How second factors are named and kept: secrets sealed, so that a copy of the database opens nothing."""

import base64
import hashlib
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext

from accounts.models import User

_PURPOSE: Final = b"holdout: secrets of second factors, version 1"


class SealingAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth carries no types
    """Seals with SECRET_KEY; opens with it and with each of SECRET_KEY_FALLBACKS."""

    def get_totp_issuer(self) -> str:
        return "Holdout"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Holdout"}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """What a passkey is called that nobody has named."""
        before = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey %(number)s") % {"number": before + 1}

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(secret: str | bytes) -> bytes:
    key = hashlib.sha256(force_bytes(secret)).digest()
    return hashlib.blake2b(_PURPOSE, key=key, digest_size=32).digest()
