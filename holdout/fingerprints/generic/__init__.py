"""Pictures that everybody shows and nobody can reserve: "No AI" icons, as they stand in thousands of avatars.

`draw` draws the seed list, `icons.msgpack` holds what the pictures look like (`python -m
holdout.fingerprints.generic.draw` makes it anew, with every new version of an algorithm). What looks like one
of them is kept out of the index of looks; of a picture that contains one, the keypoints on it are.
"""

from functools import cache
from importlib import resources

import msgspec

from holdout.fingerprints.picture import PictureFingerprints

FILE = "icons.msgpack"


@cache
def icons() -> dict[str, PictureFingerprints]:
    """The fingerprints (a registration's) of each icon, by its name."""
    data = resources.files("holdout.fingerprints.generic").joinpath(FILE).read_bytes()
    stored = msgspec.msgpack.decode(data, type=dict[str, bytes])
    return {name: PictureFingerprints.from_bytes(looks) for name, looks in stored.items()}
