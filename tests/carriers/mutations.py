"""What becomes of a file on its way: broken, cut, doubled and shuffled texts, the same ones in every run."""

import random
from collections.abc import Iterator
from typing import Final

COUNT: Final = 10_000
"""For each reader."""
_NOISE: Final = (
    *(bytes([octet]) for octet in b"\x00\xff\xc3\r\n\t :;,=<>&\"'#*$/({[\\"),
    b"\xe2\x80\xa8",
    b"%2F",
)


def mutations(originals: list[bytes], *, count: int = COUNT, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of an original and what became of it."""
    generator = random.Random(seed)
    for _ in range(count):
        original = generator.choice(originals)
        changed = original
        for _ in range(generator.choice((1, 1, 1, 2, 3, 8))):
            changed = _once(changed, generator)
        yield original, changed


def _once(text: bytes, generator: random.Random) -> bytes:
    at = generator.randrange(len(text) + 1)
    to = min(len(text), at + generator.choice((1, 1, 2, 5, 20, 100)))
    noise = generator.choice(_NOISE)
    kind = generator.randrange(8)
    if kind == 0:
        return text[:at] + noise + text[at:]
    if kind == 1:
        return text[:at] + text[to:]
    if kind == 2:
        return text[:at] + noise + text[to:]
    if kind == 3:
        return text[:at] + text[at:to] * generator.choice((2, 3, 50)) + text[to:]
    if kind == 4:
        return text[:at]
    if kind == 5:
        return text[:at] + text[at:to].swapcase() + text[to:]
    if kind == 6:
        return text[:at] + bytes([generator.randrange(256)]) + text[at + 1 :]
    lines = text.split(b"\n")
    generator.shuffle(lines)
    return b"\n".join(lines)
