"""What a picture's fingerprint is: exact and perceptual codes, and the sandbox that computes them.

Importing this package loads neither numpy nor Pillow: a web process knows the algorithms and asks the
sandbox. The modules that do the work (`decode`, `perceptual`, `quality`, `describe`) are for its child.
"""

from holdout.fingerprints.algorithms import ALGORITHMS, PHASH_256, SHA256, Algorithm, Kind, parse_code
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.sandbox import Sandbox, fingerprint_picture

__all__ = [
    "ALGORITHMS",
    "PHASH_256",
    "SHA256",
    "Algorithm",
    "Kind",
    "PictureFingerprints",
    "Sandbox",
    "fingerprint_picture",
    "parse_code",
]
