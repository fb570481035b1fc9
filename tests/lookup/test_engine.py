"""What the one engine answers, on a real database."""

from collections.abc import Callable

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from holdout.errors import InvalidInput, NotPermitted
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import MatchMethod, Outcome, Query, Status, Verdict
from holdout.vocabulary import PRESETS, UsageCategory
from lookup.engine import answer
from registry.models import Declarant
from registry.read_index import current_view
from registry.services import authorize_locators, register_locators
from tests.factories import OPEN, reserve_place, reserve_places, reserve_work

GEN = UsageCategory.TRAIN_GEN
CODE = bytes(range(32))


def ask(**keys: object) -> Verdict:
    (verdict,) = answer([Query(**keys)])  # type: ignore[arg-type]
    return verdict


def flip(code: bytes, bits: int) -> bytes:
    return (int.from_bytes(code, "big") ^ ((1 << bits) - 1)).to_bytes(32, "big")


def test_a_picture_nobody_spoke_of_is_checked_and_unknown(db: None) -> None:
    verdict = ask(url="https://nobody.example/a.jpg")
    assert verdict.status is Status.CHECKED
    assert set(verdict.uses.values()) == {Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("kind", "target", "url", "covered"),
    [
        (KeyKind.URL, "https://a.example/x.jpg", "http://A.example:80/x.jpg#top", True),
        (KeyKind.URL, "https://a.example/x.jpg", "https://a.example/x.jpg?v=2", False),
        (KeyKind.PATH, "https://a.example/art/", "https://a.example/art/x.jpg", True),
        (KeyKind.PATH, "https://a.example/art/", "https://a.example/artist/x.jpg", False),
        (KeyKind.PATH, "https://a.example/art/", "https://a.example:8443/art/x.jpg", False),
        (KeyKind.HOST, "a.example", "https://a.example:8443/x.jpg", True),
        (KeyKind.HOST, "a.example", "https://sub.a.example/x.jpg", False),
        (KeyKind.DOMAIN, "a.example", "https://sub.a.example/x.jpg", True),
        (KeyKind.DOMAIN, "a.example", "https://evil-a.example/x.jpg", False),
    ],
)
def test_a_place_covers_what_lies_in_it_and_nothing_beside_it(
    alice: Declarant, kind: KeyKind, target: str, url: str, covered: bool
) -> None:
    reserve_place(alice, target, kind=kind)
    assert ask(url=url).uses[GEN] is (Outcome.DENY if covered else Outcome.UNKNOWN)


def test_the_same_file_answers_by_its_statement(alice: Declarant) -> None:
    statement = reserve_work(alice, {"sha256": b"a" * 32})
    verdict = ask(sha256=b"a" * 32)
    assert verdict.uses[GEN] is Outcome.DENY
    (reason,) = verdict.reasons
    assert (reason.source, reason.method) == (statement.public_id, MatchMethod.EXACT_FILE)


@pytest.mark.parametrize(("bits", "expected"), [(0, "review"), (31, "review"), (32, "unknown")])
def test_codes_within_the_radius_ask_for_review(alice: Declarant, bits: int, expected: str) -> None:
    reserve_work(alice, {"phash-256/1": CODE})
    assert ask(codes={"phash-256/1": (flip(CODE, bits),)}).uses[GEN].value == expected


def test_any_of_a_pictures_orientations_may_match(alice: Declarant) -> None:
    reserve_work(alice, {"phash-256/1": CODE})
    turned = (bytes(32), flip(CODE, 5))
    assert ask(codes={"phash-256/1": turned}).uses[GEN] is Outcome.REVIEW


def test_a_file_registered_later_is_found_by_an_index_that_is_already_loaded(alice: Declarant) -> None:
    assert ask(codes={"phash-256/1": (CODE,)}).uses[GEN] is Outcome.UNKNOWN
    reserve_work(alice, {"phash-256/1": CODE})
    assert ask(codes={"phash-256/1": (CODE,)}).uses[GEN] is Outcome.REVIEW


def test_a_log_that_was_restored_and_grew_again_is_noticed(alice: Declarant) -> None:
    with transaction.atomic():
        reserve_work(alice, {"phash-256/1": bytes(32)})
        assert ask(codes={"phash-256/1": (bytes(32),)}).uses[GEN] is Outcome.REVIEW
        transaction.set_rollback(True)
    reserve_work(alice, {"phash-256/1": CODE})
    assert ask(codes={"phash-256/1": (CODE,)}).uses[GEN] is Outcome.REVIEW
    assert ask(codes={"phash-256/1": (bytes(32),)}).uses[GEN] is Outcome.UNKNOWN


def test_anothers_proof_does_not_make_my_permission_count(alice: Declarant, bob: Declarant) -> None:
    statement = reserve_place(alice, "https://a.example/x.jpg", preferences=OPEN, level=Assurance.L0)
    assert statement.locator is not None
    with pytest.raises(NotPermitted):
        authorize_locators(declarant=bob, locators=[statement.locator], level=Assurance.L3, method="operator")
    assert ask(url="https://a.example/x.jpg").uses[GEN] is Outcome.UNKNOWN


def test_nobody_says_where_anothers_work_is(alice: Declarant, bob: Declarant) -> None:
    work = reserve_work(alice, {"sha256": b"a" * 32}).work
    with pytest.raises(NotPermitted):
        register_locators(declarant=bob, targets=[(KeyKind.URL, "https://b.example/")], work=work)


def test_an_answer_is_a_function_of_the_log_index(alice: Declarant) -> None:
    before = current_view()
    reserve_work(alice, {"phash-256/1": CODE, "sha256": b"a" * 32})
    reserve_place(alice, "https://a.example/x.jpg")
    query = Query(url="https://a.example/x.jpg", sha256=b"a" * 32, codes={"phash-256/1": (CODE,)})
    (now,) = answer([query])
    (then,) = answer([query], view=before)
    assert then.as_of == before.as_of
    assert now.uses[GEN] is Outcome.DENY
    assert then.uses[GEN] is Outcome.UNKNOWN


def test_a_strangers_allow_does_not_open_anothers_place(alice: Declarant, bob: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg")
    reserve_place(bob, "https://a.example/x.jpg", preferences=OPEN)
    assert ask(url="https://a.example/x.jpg").uses[GEN] is Outcome.DENY


def test_an_unproven_allow_is_no_allow(alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg", preferences=OPEN, level=Assurance.L0)
    assert ask(url="https://a.example/x.jpg").uses[GEN] is Outcome.UNKNOWN


def test_the_most_restrictive_key_of_a_query_decides(alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg", preferences=OPEN)
    reserve_work(alice, {"sha256": b"a" * 32}, preferences=PRESETS["licence-first"])
    verdict = ask(url="https://a.example/x.jpg", sha256=b"a" * 32)
    assert verdict.uses[GEN] is Outcome.CONDITIONAL


def test_a_broken_query_fails_alone(alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg")
    verdicts = answer(
        [
            Query(url="not a url"),
            Query(url="https://a.example/x.jpg"),
            InvalidInput("query_malformed", "nonsense"),
            Query(url="https://a.example/" + "/" * 4_000),
        ]
    )
    assert [v.status.value for v in verdicts] == ["failed", "checked", "failed", "failed"]
    assert [v.error and v.error.code for v in verdicts] == [
        "url_invalid",
        None,
        "query_malformed",
        "url_too_deep",
    ]
    assert all(not v.uses for v in verdicts if v.status is Status.FAILED)


def test_a_batch_costs_the_same_few_queries_as_one_lookup(
    alice: Declarant, django_assert_max_num_queries: Callable[..., object]
) -> None:
    reserve_places(alice, KeyKind.URL, [f"https://a.example/{i}.jpg" for i in range(300)])
    batch = [Query(url=f"https://a.example/{i}.jpg", sha256=bytes(32)) for i in range(600)]
    with django_assert_max_num_queries(4):  # type: ignore[attr-defined]
        verdicts = answer(batch)
    assert [v.uses[GEN] for v in verdicts] == [Outcome.DENY] * 300 + [Outcome.UNKNOWN] * 300


POOL = [
    Query(url="https://a.example/x.jpg"),
    Query(url="https://a.example/y.jpg"),
    Query(url="nonsense"),
    Query(sha256=b"a" * 32),
    Query(sha256=b"b" * 32),
    Query(codes={"phash-256/1": (flip(CODE, 9),)}),
    Query(url="https://sub.b.example/z.jpg", sha256=b"a" * 32),
]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.sampled_from(range(len(POOL))), max_size=12))
def test_answer_i_depends_on_query_i_alone(alice: Declarant, order: list[int]) -> None:
    if not alice.locators.exists():
        reserve_place(alice, "https://a.example/x.jpg")
        reserve_place(alice, "b.example", kind=KeyKind.DOMAIN)
        reserve_work(alice, {"sha256": b"a" * 32, "phash-256/1": CODE})
    alone = [answer([query])[0] for query in POOL]
    together = answer([POOL[i] for i in order])
    seen = [(v.status, v.uses, v.reasons, v.error and v.error.code) for v in together]
    assert seen == [
        (a.status, a.uses, a.reasons, a.error and a.error.code) for a in (alone[i] for i in order)
    ]


def test_a_page_that_the_caller_names_may_restrict_and_never_permit(alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/gallery/", kind=KeyKind.PATH)
    reserve_place(alice, "https://b.example/gallery/", kind=KeyKind.PATH, preferences=OPEN)
    elsewhere = "https://cdn.example/1.jpg"
    assert ask(url=elsewhere, page_url="https://a.example/gallery/7").uses[GEN] is Outcome.DENY
    assert ask(url=elsewhere, page_url="https://b.example/gallery/7").uses[GEN] is Outcome.UNKNOWN
    assert ask(page_url="https://c.example/").uses[GEN] is Outcome.UNKNOWN


def test_a_page_on_a_host_needs_the_proof_that_the_host_needs(alice: Declarant) -> None:
    statement = reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    assert ask(page_url="https://www.a.example/7").uses[GEN] is Outcome.DENY
    (reason,) = ask(page_url="https://www.a.example/7").reasons
    assert (reason.source, reason.method) == (statement.public_id, MatchMethod.PAGE)


def test_a_query_whose_page_cannot_be_read_fails(alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg")
    verdict = ask(url="https://a.example/x.jpg", page_url="no address")
    assert (verdict.status, verdict.error and verdict.error.code) == (Status.FAILED, "url_invalid")
