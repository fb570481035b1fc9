"""Who was told of a statement: counted once a picture, by organisation and day."""

import io
import json

import pytest
from django.test import Client
from PIL import Image, ImageOps

from accounts.models import Organization
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.urls import KeyKind
from holdout.verdicts import MatchMethod, Query
from lookup.batch import batch_of
from lookup.decisions import decide
from lookup.engine import look_up
from lookup.hits import Hits, hits_of, roll_up, seen_copies, store_hits, sweep, who_asked
from lookup.models import HitBatch, HitCount, NearHit
from registry.models import Declarant
from tests.factories import reserve_picture, reserve_place, reserve_work
from tests.holdout.painted import painted

SHA = b"a" * 32


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def hits(*queries: Query) -> Hits:
    looked = look_up(batch_of(queries))
    return hits_of(looked, decide(looked.lines))


def copies(*pictures: Image.Image) -> Hits:
    """What is hit by asking how these pictures look."""
    files = [png(picture) for picture in pictures]
    return hits(*(Query(fingerprints=fingerprint_picture(file, query=True)) for file in files))


def test_a_picture_that_is_found_in_two_ways_counts_once(alice: Declarant) -> None:
    work = reserve_work(alice, {"sha256": SHA})
    both = Query(url="https://nobody.example/x.jpg", sha256=SHA)
    found = hits(both, both, Query(url="https://nobody.example/"))
    assert (len(found), found.count.tolist()) == (1, [2])
    assert work.public_id


def test_counts_of_many_lookups_add_up_by_organisation_and_day(alice: Declarant, vera: Organization) -> None:
    statement = reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    other = Organization.objects.create(name="Otto", side=Organization.Side.VENDOR)
    asked = [Query(url=f"https://a.example/{i}.jpg") for i in range(5)]
    store_hits(vera, hits(*asked))
    store_hits(vera, hits(*asked[:2]))
    store_hits(other, hits(asked[0]))
    assert roll_up() == 3
    store_hits(vera, hits(asked[0]))
    assert roll_up() == 1
    told = {line.organization: line.rows for line in who_asked([statement.public_id])}
    assert told == {"Vera": 8, "Otto": 1}
    assert not HitBatch.objects.exists()


def test_a_batch_is_counted_once_or_not_at_all(
    alice: Declarant, vera: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    store_hits(vera, hits(Query(url="https://a.example/1.jpg")))
    with monkeypatch.context() as patched:
        patched.setattr(HitBatch.objects, "filter", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            roll_up()
    assert not HitCount.objects.exists()
    assert roll_up() == 1
    assert [count.rows for count in HitCount.objects.all()] == [1]


def test_what_hits_nothing_is_written_nowhere(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    store_hits(vera, hits(Query(url="https://b.example/1.jpg"), Query(url="no address")))
    assert not HitBatch.objects.exists()


def test_every_door_counts(alice: Declarant, vera: Organization, vera_key: str, client: Client) -> None:
    statement = reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    bearer = {"Authorization": f"Bearer {vera_key}"}
    body = json.dumps({"urls": ["https://a.example/1.jpg"]})
    client.post("/v1/lookups", body, content_type="application/json", headers=bearer)
    url = b"https://a.example/1.jpg"
    client.post("/v1/lookups?answers=hits", url, content_type="text/plain", headers=bearer)
    key = {"Authorization": f"API {vera_key}"}
    client.post("/api/v2/query/urls/", url, content_type="text/plain", headers=key)
    roll_up()
    assert [line.rows for line in who_asked([statement.public_id])] == [3]


def test_old_counts_are_deleted(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    store_hits(vera, hits(Query(url="https://a.example/1.jpg")))
    roll_up()
    assert sweep() == 0
    HitCount.objects.update(day="2020-01-01")
    assert sweep() == 1


def test_a_declarant_sees_how_a_copy_lies_on_the_picture(alice: Declarant, vera: Organization) -> None:
    statement = reserve_picture(alice, png(painted(2, width=640, height=480)))
    another = reserve_picture(alice, png(painted(3)))
    part = ImageOps.mirror(painted(2, width=640, height=480).crop((100, 50, 420, 290)))
    store_hits(vera, copies(painted(9), part))
    (copy,) = seen_copies([statement.public_id])
    assert (copy.organization, copy.method) == ("Vera", MatchMethod.PART_OF)
    assert (copy.mirrored, copy.inverted) == (True, False)
    assert copy.aspect == pytest.approx(4 / 3, abs=0.02)
    (left, top), _, (right, bottom), _ = copy.outline
    expected = (100 / 640, 50 / 480, 420 / 640, 290 / 480)
    assert (left, top, right, bottom) == pytest.approx(expected, abs=0.02)
    assert seen_copies([another.public_id]) == []


def test_many_copies_of_one_picture_in_a_batch_are_seen_once(alice: Declarant, vera: Organization) -> None:
    statement = reserve_picture(alice, png(painted(2)))
    smaller = painted(2).resize((320, 240))
    store_hits(vera, copies(smaller, smaller, ImageOps.invert(smaller)))
    (copy,) = seen_copies([statement.public_id])
    assert (copy.method, copy.inverted) == (MatchMethod.SAME_PICTURE, False)


def test_of_the_very_file_nothing_is_drawn(alice: Declarant, vera: Organization) -> None:
    statement = reserve_picture(alice, png(painted(2)))
    store_hits(vera, copies(painted(2)))
    assert roll_up() == 1
    assert seen_copies([statement.public_id]) == []


def test_drawings_are_kept_for_a_while(alice: Declarant, vera: Organization) -> None:
    reserve_picture(alice, png(painted(2)))
    store_hits(vera, copies(painted(2).resize((320, 240))))
    assert sweep() == 0
    NearHit.objects.update(at="2020-01-01T00:00Z")
    assert sweep() == 1
