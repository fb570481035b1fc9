"""Signatures are good for one key, one purpose and one message."""

import pytest

from holdout.errors import InvalidInput
from holdout.signing import PublicKey, SigningKey, key_named

KEY = SigningKey(b"\x01" * 32)
OTHER = SigningKey(b"\x02" * 32)


def test_a_signature_is_good_for_its_key_its_purpose_and_its_message_alone() -> None:
    signature = KEY.sign(b"message", purpose="snapshot/1")
    assert KEY.public.verifies(signature, b"message", purpose="snapshot/1")
    assert not KEY.public.verifies(signature, b"messagf", purpose="snapshot/1")
    assert not KEY.public.verifies(signature, b"message", purpose="receipt/1")
    assert not KEY.public.verifies(signature, b"essage", purpose="snapshot/1\x00m")
    assert not OTHER.public.verifies(signature, b"message", purpose="snapshot/1")
    assert not KEY.public.verifies(signature[:-1], b"message", purpose="snapshot/1")
    assert not KEY.public.verifies(b"", b"message", purpose="snapshot/1")


def test_the_signature_is_the_published_algorithms() -> None:
    """RFC 8032 section 7.1, test 1: the key whose public half is d75a98..., here over our framed message."""
    key = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"", purpose="test").hex() == (
        "dfd1f8495b1ca41cd88a28dbeac519241e625c4476f6c9a46ea7649c2dc33ab3"
        "c6f807e342198171fe1130f6135d75bc392f501400f8928eb0131de4a497db07"
    )


def test_keys_are_written_as_base64_and_named_by_their_digest() -> None:
    assert PublicKey.from_text(KEY.public.text) == KEY.public
    assert KEY.public.id == "34750f98bd59fcfc"
    assert key_named(KEY.public.id, [OTHER.public, KEY.public]) == KEY.public
    assert key_named("0" * 16, [OTHER.public, KEY.public]) is None


@pytest.mark.parametrize("text", ["", "AAAA", "!" * 44, "A" * 43, "A" * 44 + "A" * 44, "é" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match="signing_key_malformed") as refused:
        SigningKey.from_text(text)
    assert not text or text not in refused.value.detail
    with pytest.raises(InvalidInput, match="public_key_malformed"):
        PublicKey.from_text(text)
