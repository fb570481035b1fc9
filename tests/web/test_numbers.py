"""Registration numbers: short enough to print in a corner, and safe from slips."""

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from consent.services import declare, withdraw
from holdout.errors import InvalidInput
from holdout.ids import new_id, number_letters, registration_number
from holdout.vocabulary import PRESETS
from registry.models import Declarant
from tests.factories import reserve_work, settle

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def test_a_number_is_read_however_it_is_typed() -> None:
    for _ in range(200):
        public_id = new_id("stm")
        number = registration_number(public_id)
        for typed in (number, number.lower(), number.replace("-", ""), f" {number.replace('-', ' ')} "):
            assert public_id.startswith(f"stm_{number_letters(typed)}")
        assert number_letters(number.replace("O", "0").replace("I", "1").replace("B", "8"))


@given(
    letters=st.text(LETTERS, min_size=10, max_size=10), at=st.integers(0, 9), other=st.sampled_from(LETTERS)
)
def test_a_slip_is_noticed(letters: str, at: int, other: str) -> None:
    """One letter for another, or two exchanged; the one pair that is not told apart is A and 7."""
    number = registration_number(f"stm_{letters.lower()}aaaaaaaaaaaaaaaa").replace("-", "")
    slips = [number[:at] + other + number[at + 1 :]]
    if at < 9:
        slips.append(number[:at] + number[at + 1] + number[at] + number[at + 2 :])
    for slip in slips:
        differing = {a + b for a, b in zip(number, slip, strict=True) if a != b}
        if differing and not differing <= {"A7", "7A"}:
            with pytest.raises(InvalidInput, match="number_malformed"):
                number_letters(slip)


@pytest.mark.parametrize("typed", ["", "x", "K7QF3-M2XAB", "\x00" * 11, "日本語日本語日本語日本", "A" * 500])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="number_malformed"):
        number_letters(typed)


@pytest.mark.django_db
def test_a_number_says_what_holds_and_not_of_what(client: Client, alice: Declarant) -> None:
    statement = reserve_work(alice, {"sha256": bytes(32)})
    number = registration_number(statement.public_id)
    page = client.get(f"/r/{number.lower()}").content.decode()
    assert number in page
    assert "No AI" in page
    assert alice.public_id not in page
    assert statement.work is not None
    assert statement.work.public_id not in page

    declare(declarant=alice, subject=statement.work, preferences=PRESETS["no-generative-ai"])
    settle()
    assert "No generative AI" in client.get(f"/r/{number}").content.decode()
    withdraw(statement=statement.work.statements.latest("pk"))
    settle()
    assert "That is not a permission" in client.get(f"/r/{number}").content.decode()


@pytest.mark.django_db
def test_nothing_is_under_other_numbers_and_nothing_before_the_log(client: Client) -> None:
    assert client.get(f"/r/{registration_number(new_id('stm'))}").status_code == 404
    assert client.get("/r/nonsense").status_code == 422


@pytest.mark.django_db
def test_the_kit_carries_the_number_and_its_page(client: Client, alice: Declarant) -> None:
    number = registration_number(reserve_work(alice, {"sha256": bytes(32)}).public_id)
    form = client.get("/kit", {"number": number, "preset": "no-ai"}).content.decode()
    assert f'value="{number}"' in form
    page = client.get(
        "/kit", {"number": number, "preset": "no-ai", "site": "https://x.example/"}
    ).content.decode()
    assert f"http://testserver/r/{number}" in page
    assert "corner-mark.svg" in page
