"""Content Credentials signed by an authority of the tests' own, offline."""

import datetime as dt
import io
import json
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Holdout tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "content_commitment", "key_agreement", "encipher_only"),
        False,
    ) | {"decipher_only": False, "digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not ca:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(by, hashes.SHA256())


@cache
def _identity() -> tuple[bytes, bytes]:
    """A chain, leaf first, and the leaf's key, as PEM."""
    authority, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = [
        _certificate("leaf", leaf, "authority", authority, ca=False),
        _certificate("authority", authority, "authority", authority, ca=True),
    ]
    key = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain), key


def signed(file: bytes, *assertions: dict[str, Any], media_type: str, remote: str | None = None) -> bytes:
    """The file with these assertions in its Content Credentials; `remote` puts them elsewhere instead."""
    chain, key = _identity()
    manifest = {
        "claim_generator_info": [{"name": "holdout-tests", "version": "1.0"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation",
                        }
                    ]
                },
            },
            *assertions,
        ],
    }
    info = c2pa.C2paSignerInfo(b"es256", chain, key, None)
    out = io.BytesIO()
    with (
        c2pa.Context.from_dict(OFFLINE) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(json.dumps(manifest), context=context) as builder,
    ):
        if remote is not None:
            builder.set_remote_url(remote)
            builder.set_no_embed()
        builder.sign(signer, media_type, io.BytesIO(file), out)
    return out.getvalue()
