import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys
from accounts.models import ApiKey, Membership, Organization, User
from accounts.queries import live_key
from accounts.services import issue_key, personal_organization, revoke_key


def test_a_new_key_is_well_formed_and_no_two_are_alike() -> None:
    made = {keys.new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(keys.is_well_formed(key) for key in made)


@given(st.integers(0, 43), st.characters())
def test_a_key_with_one_wrong_character_is_not_well_formed(place: int, character: str) -> None:
    key = keys.new_key()
    changed = key[:place] + character + key[place + 1 :]
    assert keys.is_well_formed(changed) is (changed == key)


def test_an_issued_key_opens_its_organisation_until_it_is_revoked(vera: Organization) -> None:
    row, text = issue_key(organization=vera, name="crawler")
    found = live_key(text)
    assert found is not None
    assert found.organization == vera
    revoke_key(key=row)
    assert live_key(text) is None


def test_the_database_holds_nothing_that_opens_a_door(vera: Organization) -> None:
    _, text = issue_key(organization=vera, name="crawler")
    row = ApiKey.objects.get()
    stored = [bytes(row.digest), row.hint.encode(), row.name.encode()]
    assert not any(live_key(value.decode("latin-1")) for value in stored)
    assert text[len(row.hint) :] not in str(row.__dict__)


@pytest.mark.parametrize("text", ["", "ho_live_", "ho_live_\x00", "Bearer", "é" * 44])
def test_rubbish_is_no_key(db: None, text: str) -> None:
    assert live_key(text) is None


def test_a_person_gets_one_organisation_however_often_it_is_asked_for(db: None) -> None:
    user = User.objects.create_user("linnea@example.org")
    assert personal_organization(user=user) == personal_organization(user=user)
    assert Membership.objects.filter(user=user).count() == 1
