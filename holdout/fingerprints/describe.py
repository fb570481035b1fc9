"""One look at a picture: everything the registry keeps of it. Runs inside the sandbox's child."""

from typing import Final

import numpy as np

from holdout.fingerprints import iscc, pdq
from holdout.fingerprints.decode import Decoded, decode
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.local import take
from holdout.fingerprints.local.keypoints import QUERY, REGISTERED
from holdout.fingerprints.panes import Plan, pane_pixels, plans
from holdout.fingerprints.perceptual import grey_thumbnail, phash_256, phash_256_orientations
from holdout.fingerprints.picture import Box, Gate, Pane, PaneKind, PictureFingerprints
from holdout.fingerprints.quality import gate
from holdout.fingerprints.rectangles import content, rectangles

_LARGE: Final = 0.5
"""Of the picture's area: the keypoints of a rectangle that takes more of it are those of the whole."""
_LEAST_IN_FLAT: Final = 24
"""Keypoints of a flat picture: gradients and empty skies have a few, by their noise."""
_PART_SIDE: Final = 360
_PART_COUNT: Final = 200
"""A part of a query is looked at in this size (longest side, pixels), for so many keypoints."""


def describe(data: bytes, *, query: bool) -> PictureFingerprints:
    """The fingerprints of a file's bytes; UnreadablePicture as `decode.decode` raises it.

    A query has the codes of the eight orientations, since nobody knows how a copy was turned, and rectangles
    found in it; a registration has one code and the ISCC Image-Code.
    """
    decoded = decode(data)
    whole = _Pane(Plan(PaneKind.WHOLE, (0, 0, decoded.width, decoded.height)), decoded)
    panes = [whole]
    for plan in plans(width=decoded.width, height=decoded.height, frames=len(decoded.frames))[1:]:
        panes.append(_Pane(plan, decoded))
    panes += [_Pane(plan, decoded) for plan in _found(whole, decoded, query=query)]
    return PictureFingerprints(
        sha256=sha256(data),
        pixels=decoded.pixels,
        iscc_image=None if query else iscc.image_code(decoded.frames[0]),
        iscc_instance=iscc.instance_code(data),
        width=decoded.width,
        height=decoded.height,
        format=decoded.format,
        panes=tuple(pane.fingerprints(query=query) for pane in panes),
    )


def _found(whole: "_Pane", decoded: Decoded, *, query: bool) -> list[Plan]:
    """The panes that only a look at the picture shows."""
    grey = np.asarray(whole.grey)
    across, down = decoded.width / whole.grey.width, decoded.height / whole.grey.height

    def plan(kind: PaneKind, box: Box) -> Plan:
        left, top = int(box[0] * across), int(box[1] * down)
        right, bottom = round(box[2] * across), round(box[3] * down)
        return Plan(
            kind,
            (left, top, min(max(right, left + 1), decoded.width), min(max(bottom, top + 1), decoded.height)),
        )

    inner = content(grey)
    found = [] if inner is None else [plan(PaneKind.CONTENT, inner)]
    return found + [plan(PaneKind.RECTANGLE, box) for box in (rectangles(grey) if query else ())]


class _Pane:
    """One pane, and what is worth taking of it."""

    def __init__(self, plan: Plan, decoded: Decoded) -> None:
        self._plan = plan
        copy = decoded.frames[plan.frame]
        self._image = pane_pixels(copy, plan.box, width=decoded.width, height=decoded.height)
        self.grey = self._image.convert("L")
        left, top, right, bottom = plan.box
        self._size = right - left, bottom - top
        self._share = self._size[0] * self._size[1] / (decoded.width * decoded.height)

    def fingerprints(self, *, query: bool) -> Pane:
        """The pane's codes, and its keypoints unless another pane shows the same as well."""
        kind, box = self._plan.kind, self._plan.box
        thumbnail = grey_thumbnail(self.grey)
        found = gate(self.grey, size=self._size, thumbnail=thumbnail)
        seen = pdq.look(self._image)
        if found is not Gate.OK:
            return Pane(kind, box, found, seen.quality(), (), (), self._without_codes(found, query=query))
        phash = tuple(map(bytes, phash_256_orientations(thumbnail))) if query else (phash_256(thumbnail),)
        codes = seen.orientations() if query else (seen.code(),)
        return Pane(kind, box, found, seen.quality(), phash, codes, self._keypoints(query=query, faint=True))

    def _without_codes(self, gate: Gate, *, query: bool) -> bytes:
        """Keypoints of a pane that has no codes: what is low in contrast as a whole may have many."""
        if gate is not Gate.FLAT:
            return b""
        keypoints = self._keypoints(query=query, faint=False)
        size = (QUERY if query else REGISTERED).itemsize
        return keypoints if len(keypoints) >= _LEAST_IN_FLAT * size else b""

    def _keypoints(self, *, query: bool, faint: bool) -> bytes:
        grey = np.asarray(self.grey)
        if self._plan.kind is PaneKind.CONTENT or (
            self._plan.kind is PaneKind.RECTANGLE and self._share > _LARGE
        ):
            return b""
        if not query:
            return take.registered(grey, faint=faint)
        if self._plan.kind is PaneKind.WHOLE:
            return take.asked(grey, faint=faint)
        return take.asked(grey, side=_PART_SIDE, count=_PART_COUNT, faint=faint)
