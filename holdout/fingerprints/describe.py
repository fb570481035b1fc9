"""One look at a picture: everything the registry keeps of it. Runs inside the sandbox's child."""

from holdout.fingerprints.decode import open_picture, sniff
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.perceptual import grey_thumbnail, phash_256, phash_256_orientations
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.quality import usable


def describe(data: bytes, *, orientations: bool) -> PictureFingerprints:
    """The fingerprints of a file's bytes; UnreadablePicture as `decode.open_picture` raises it.

    With `orientations` the codes of the eight orientations come too: a query wants them, a registration not.
    """
    image = open_picture(data)
    grey = grey_thumbnail(image)
    good = usable(image, grey=grey)
    codes = phash_256_orientations(grey) if good and orientations else ()
    return PictureFingerprints(
        sha256=sha256(data),
        phash=phash_256(grey) if good else None,
        orientations=tuple(code.tobytes() for code in codes),
        width=image.width,
        height=image.height,
        format=sniff(data) or "",
        usable=good,
    )
