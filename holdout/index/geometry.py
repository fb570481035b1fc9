"""Do the keypoints of two pictures agree on one placement of the one in the other?

Deterministic, without random sampling: each match proposes the similarity that follows from its own place,
size and angle; the one with which most others agree is refined to an affine map by least squares. Lengths are
in `UNIT`ths of a picture's longest side, sizes are octaves, angles 256ths of a circle.
"""

from typing import Final

import numpy as np
from numba import njit

UNIT: Final = 512.0
_FAR: Final = 14
"""Bits in which signatures of one point may differ; unrelated ones differ in 32 or so."""
_MOST_MATCHES: Final = 400
_LOOSE: Final = 30.0
"""How far the similarity of one match may miss another match: its angle is a few degrees off."""
_TIGHT: Final = 7.0
"""How far the affine map may miss."""
_OCTAVES: Final = 0.75
_TURN: Final = 24.0
"""By how much size (octaves) and angle (256ths of a circle) may differ from what a similarity says."""
_ROUNDS: Final = 3
_THIN: Final = 6.0
"""Of the inliers in one square of this side one counts: a corner is found at several sizes."""
_MOST_STRETCH: Final = 3.5
_SCALES: Final = (1 / 24, 24.0)


@njit(cache=True, nogil=True)
def _popcount(v):  # type: ignore[no-untyped-def]
    v = v - ((v >> np.uint64(1)) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((v * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def matches(asked, known):  # type: ignore[no-untyped-def]
    """For each asked signature, uint64 (n,), the two nearest known ones within `_FAR` bits.

    Rows of asked, known, bits. Nearest pairs first, `_MOST_MATCHES` at most.
    """
    found = np.empty((2 * asked.shape[0], 3), dtype=np.int64)
    n = 0
    for i in range(asked.shape[0]):
        first, second, at_first, at_second = 65, 65, -1, -1
        for j in range(known.shape[0]):
            bits = _popcount(asked[i] ^ known[j])
            if bits < first:
                second, at_second = first, at_first
                first, at_first = bits, j
            elif bits < second:
                second, at_second = bits, j
        if first <= _FAR:
            found[n, 0], found[n, 1], found[n, 2] = i, at_first, first
            n += 1
        if second <= _FAR:
            found[n, 0], found[n, 1], found[n, 2] = i, at_second, second
            n += 1
    found = found[:n]
    if n > _MOST_MATCHES:
        found = found[np.argsort(found[:, 2], kind="mergesort")][:_MOST_MATCHES]
    return found


@njit(cache=True, nogil=True)
def _turn(a):  # type: ignore[no-untyped-def]
    return (a + 128.0) % 256.0 - 128.0


@njit(cache=True, nogil=True)
def place(query, known, pair):  # type: ignore[no-untyped-def]
    """The placement with which most matches agree: (inliers, affine (2, 3), which matches).

    `query`, `known`: (n, 4) of x, y, octave, angle. `pair`: as `matches` gives it.
    """
    m = pair.shape[0]
    q = np.empty((m, 4), dtype=np.float64)
    r = np.empty((m, 4), dtype=np.float64)
    for k in range(m):
        for c in range(4):
            q[k, c] = query[pair[k, 0], c]
            r[k, c] = known[pair[k, 1], c]
    affine = np.zeros((2, 3), dtype=np.float64)
    nothing = np.zeros(m, dtype=np.bool_)
    best, at = 0, -1
    for k in range(m):
        octave = r[k, 2] - q[k, 2]
        turn = r[k, 3] - q[k, 3]
        scale = 2.0**octave
        cos = scale * np.cos(turn * np.pi / 128)
        sin = scale * np.sin(turn * np.pi / 128)
        x0 = r[k, 0] - cos * q[k, 0] + sin * q[k, 1]
        y0 = r[k, 1] - sin * q[k, 0] - cos * q[k, 1]
        agreeing, last = 0, -1
        for i in range(m):
            if (
                abs(cos * q[i, 0] - sin * q[i, 1] + x0 - r[i, 0]) < _LOOSE
                and abs(sin * q[i, 0] + cos * q[i, 1] + y0 - r[i, 1]) < _LOOSE
                and abs(r[i, 2] - q[i, 2] - octave) < _OCTAVES
                and abs(_turn(r[i, 3] - q[i, 3] - turn)) < _TURN
                and pair[i, 0] != last
            ):
                agreeing += 1
                last = pair[i, 0]
        if agreeing > best:
            best, at = agreeing, k
            affine[0, 0], affine[0, 1], affine[0, 2] = cos, -sin, x0
            affine[1, 0], affine[1, 1], affine[1, 2] = sin, cos, y0
    if best < 4:
        return 0, affine, nothing
    octave = r[at, 2] - q[at, 2]
    turn = r[at, 3] - q[at, 3]
    inside = np.zeros(m, dtype=np.bool_)
    missed = np.empty(m, dtype=np.float64)
    reach = _LOOSE
    for step in range(_ROUNDS + 1):
        for i in range(m):
            dx = affine[0, 0] * q[i, 0] + affine[0, 1] * q[i, 1] + affine[0, 2] - r[i, 0]
            dy = affine[1, 0] * q[i, 0] + affine[1, 1] * q[i, 1] + affine[1, 2] - r[i, 1]
            missed[i] = dx * dx + dy * dy
            inside[i] = (
                missed[i] < reach * reach
                and abs(r[i, 2] - q[i, 2] - octave) < _OCTAVES
                and abs(_turn(r[i, 3] - q[i, 3] - turn)) < _TURN
            )
        if step == _ROUNDS:
            break
        if not _least_squares(q, r, inside, affine):
            return 0, affine, nothing
        reach = max(_TIGHT, reach / 2)
    if not _plausible(affine):
        return 0, affine, nothing
    _thin(q, r, pair, inside, missed)
    return np.sum(inside), affine, inside


@njit(cache=True, nogil=True)
def _least_squares(q, r, inside, affine):  # type: ignore[no-untyped-def]
    """Fit `affine` to the matches inside; False where they do not determine it."""
    n = 0
    mx, my = 0.0, 0.0
    for i in range(q.shape[0]):
        if inside[i]:
            n += 1
            mx += q[i, 0]
            my += q[i, 1]
    if n < 4:
        return False
    mx /= n
    my /= n
    xx, xy, yy = 0.0, 0.0, 0.0
    ux, uy, vx, vy, u, v = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(q.shape[0]):
        if inside[i]:
            x, y = q[i, 0] - mx, q[i, 1] - my
            xx += x * x
            xy += x * y
            yy += y * y
            ux += r[i, 0] * x
            uy += r[i, 0] * y
            vx += r[i, 1] * x
            vy += r[i, 1] * y
            u += r[i, 0]
            v += r[i, 1]
    determinant = xx * yy - xy * xy
    # Points on a line, or in one place, fit any map.
    if determinant < 1e-3 * (xx + yy) * (xx + yy) or xx + yy < n * 16.0:
        return False
    affine[0, 0] = (ux * yy - uy * xy) / determinant
    affine[0, 1] = (uy * xx - ux * xy) / determinant
    affine[1, 0] = (vx * yy - vy * xy) / determinant
    affine[1, 1] = (vy * xx - vx * xy) / determinant
    affine[0, 2] = u / n - affine[0, 0] * mx - affine[0, 1] * my
    affine[1, 2] = v / n - affine[1, 0] * mx - affine[1, 1] * my
    return True


@njit(cache=True, nogil=True)
def _plausible(affine):  # type: ignore[no-untyped-def]
    """Whether a picture may have been placed so: not turned inside out, not a sliver."""
    a, b, c, d = affine[0, 0], affine[0, 1], affine[1, 0], affine[1, 1]
    determinant = a * d - b * c
    if determinant <= 0:
        return False
    total = a * a + b * b + c * c + d * d
    root = np.sqrt(max(0.0, total * total - 4 * determinant * determinant))
    large, small = np.sqrt((total + root) / 2), np.sqrt(max(0.0, (total - root) / 2))
    return small > _SCALES[0] and large < _SCALES[1] and large < _MOST_STRETCH * small


@njit(cache=True, nogil=True)
def _thin(q, r, pair, inside, missed):  # type: ignore[no-untyped-def]
    """Keep of the inliers those that are alone on both sides, the best first."""
    order = np.argsort(missed, kind="mergesort")
    kept = np.empty(order.shape[0], dtype=np.int64)
    n = 0
    for k in order:
        if not inside[k]:
            continue
        for j in range(n):
            o = kept[j]
            if (
                pair[o, 0] == pair[k, 0]
                or pair[o, 1] == pair[k, 1]
                or (r[o, 0] // _THIN == r[k, 0] // _THIN and r[o, 1] // _THIN == r[k, 1] // _THIN)
                or (abs(q[o, 0] - q[k, 0]) < 1.0 and abs(q[o, 1] - q[k, 1]) < 1.0)
            ):
                inside[k] = False
                break
        if inside[k]:
            kept[n] = k
            n += 1


@njit(cache=True, nogil=True)
def hull(points):  # type: ignore[no-untyped-def]
    """The convex hull of points (n, 2), n >= 3, counter-clockwise (Andrew's monotone chain)."""
    order = np.argsort(points[:, 1], kind="mergesort")
    order = order[np.argsort(points[order, 0], kind="mergesort")]
    chain = np.empty((2 * order.shape[0] + 1, 2), dtype=np.float64)
    n = 0
    for half in range(2):
        floor = n + 1
        for step in range(order.shape[0]):
            p = points[order[step] if half == 0 else order[order.shape[0] - 1 - step]]
            while n > floor and (
                (chain[n - 1, 0] - chain[n - 2, 0]) * (p[1] - chain[n - 2, 1])
                - (chain[n - 1, 1] - chain[n - 2, 1]) * (p[0] - chain[n - 2, 0])
                <= 0
            ):
                n -= 1
            chain[n, 0], chain[n, 1] = p[0], p[1]
            n += 1
        n -= 1
    return chain[:n].copy()


@njit(cache=True, nogil=True)
def inside_share(points, corners, margin):  # type: ignore[no-untyped-def]
    """The share of points (n, 2 or more) inside a convex polygon or within `margin` of its sides."""
    if points.shape[0] == 0 or corners.shape[0] < 3:
        return 0.0
    n = 0
    for i in range(points.shape[0]):
        inside = True
        for k in range(corners.shape[0]):
            x0, y0 = corners[k]
            x1, y1 = corners[(k + 1) % corners.shape[0]]
            length = max(1e-9, np.hypot(x1 - x0, y1 - y0))
            if ((x1 - x0) * (points[i, 1] - y0) - (y1 - y0) * (points[i, 0] - x0)) / length < -margin:
                inside = False
                break
        n += inside
    return n / points.shape[0]


@njit(cache=True, nogil=True)
def area(corners):  # type: ignore[no-untyped-def]
    """The area of a convex polygon (n, 2)."""
    total = 0.0
    for k in range(corners.shape[0]):
        x0, y0 = corners[k]
        x1, y1 = corners[(k + 1) % corners.shape[0]]
        total += x0 * y1 - x1 * y0
    return abs(total) / 2
