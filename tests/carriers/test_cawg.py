"""Content Credentials: `cawg.training-mining`, signed and read with the real library."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from holdout.carriers import cawg
from holdout.signals import Signal
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from tests.carriers.credentials import signed
from tests.carriers.mutated import never_permits
from tests.carriers.mutations import mutations
from tests.carriers.pictures import saved

GEN, OTHER, INPUT, TDM, SEARCH = UsageCategory
DENY, ASK, ALLOW = Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}


def manifest(entries: Any, *, label: str = "cawg.training-mining", state: str = "Valid") -> dict[str, Any]:
    return {"state": state, "assertions": [{"label": label, "data": {"entries": entries}}]}


def read(said: Any) -> Signal | None:
    return cawg.read_manifest(said, b"")


def said(given: Any) -> Preferences:
    signal = read(given)
    assert signal is not None
    return dict(signal.preferences)


def codes(given: Any) -> list[str]:
    signal = read(given)
    assert signal is not None
    return [note.code for note in signal.notes]


def test_each_entry_speaks_of_its_own_use() -> None:
    entries = {
        "cawg.ai_generative_training": {"use": "notAllowed"},
        "cawg.ai_training": {"use": "allowed"},
        "cawg.ai_inference": {"use": "constrained", "constraint_info": "https://x.example/ask"},
        "cawg.data_mining": {"use": "constrained"},
        "com.example.other": {"use": "allowed"},
    }
    signal = read(manifest(entries))
    assert signal is not None
    assert dict(signal.preferences) == {GEN: DENY, OTHER: ALLOW, INPUT: ASK, TDM: DENY}
    assert signal.terms == ("https://x.example/ask",)


def test_both_spellings_of_the_condition_and_the_label_of_before_are_read() -> None:
    entries = {"c2pa.ai_training": {"use": "constrained", "constraints_info": "ask"}}
    given = manifest(entries, label="c2pa.training-mining")
    assert said(given) == {OTHER: ASK}
    assert codes(given) == ["cawg_legacy_label"]
    assert said(manifest(entries, label="cawg.training-mining__2")) == {OTHER: ASK}


def test_a_changed_file_still_forbids_and_permits_nothing() -> None:
    entries = {"cawg.ai_training": {"use": "allowed"}, "cawg.data_mining": {"use": "notAllowed"}}
    given = manifest(entries, state="Invalid")
    assert said(given) == {TDM: DENY}
    assert codes(given) == ["cawg_invalid"]


@pytest.mark.parametrize("use", ["NotAllowed", "no", None, 1, ["allowed"], {}])
def test_an_unknown_use_says_nothing(use: Any) -> None:
    given = manifest({"cawg.ai_training": {"use": use}})
    assert said(given) == {}
    assert codes(given) == ["cawg_use_unknown"]


@pytest.mark.parametrize("given", [{}, {"assertions": None}, {"assertions": [1, {"label": 3}]}])
def test_a_manifest_without_it_speaks_no_such_standard(given: Any) -> None:
    assert read(given) is None


@pytest.mark.parametrize("form", MEDIA_TYPES)
def test_a_signed_picture_is_read_and_a_broken_one_forbids_only(form: str) -> None:
    picture = saved(form)
    assert cawg.read(picture) is None
    preferences = {GEN: DENY, OTHER: ALLOW, TDM: ASK}
    assertion = cawg.write(preferences, terms="https://x.example/ask")
    file = signed(picture, assertion, media_type=MEDIA_TYPES[form])
    signal = cawg.read(file)
    assert signal is not None
    assert dict(signal.preferences) == preferences
    assert signal.terms == ("https://x.example/ask",)

    at = 100 if form == "WEBP" else len(file) - 20  # among the pixels
    broken = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
    signal = cawg.read(broken)
    assert signal is not None
    assert ALLOW not in signal.preferences.values()
    assert {"cawg_invalid", "cawg_unreadable"} & {note.code for note in signal.notes}


def test_what_lies_in_the_current_folder_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c2pa.py").write_text("raise SystemExit(print('{}'))")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    signal = cawg.read(signed(saved("PNG"), cawg.write({GEN: DENY}), media_type="image/png"))
    assert signal is not None
    assert signal.preferences[GEN] is DENY


def test_a_manifest_that_lies_elsewhere_is_not_fetched() -> None:
    """A server that counts who comes, at the address that the picture names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[object] = []
        server.settimeout(3)

        def wait() -> None:
            try:
                came.append(server.accept()[1])
            except TimeoutError:
                return

        waiting = threading.Thread(target=wait)
        waiting.start()
        remote = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        file = signed(saved("JPEG"), cawg.write({GEN: DENY}), media_type="image/jpeg", remote=remote)
        assert remote.encode() in file
        # As it is, and with something in it that makes the reader look.
        for each in (file, file[:2] + b"\xff\xeb\x00\x14JP" + b"\x00" * 16 + file[2:]):
            cawg.read(each)
        waiting.join()
        assert came == []


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read(preset: str) -> None:
    preferences = {use: value for use, value in PRESETS[preset].items() if use is not SEARCH}
    for terms in (None, "https://x.example/ask"):
        assertion = cawg.write(PRESETS[preset], terms=terms)
        wanted = {use: DENY if value is ASK and not terms else value for use, value in preferences.items()}
        assert said({"state": "Valid", "assertions": [assertion]}) == wanted


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    def from_json(text: bytes) -> Signal | None:
        try:
            given = json.loads(text)
        except ValueError:
            return None
        return cawg.read_manifest(given, text) if isinstance(given, dict) else None

    original = json.dumps(manifest(cawg.write(PRESETS["no-ai"])["data"]["entries"])).encode()
    never_permits(from_json, [original], spelt=lambda text: b'"allowed"' in text)


def test_no_broken_file_is_an_error_or_a_permission() -> None:
    file = signed(saved("PNG"), cawg.write(PRESETS["no-ai"]), media_type="image/png")
    for _, changed in mutations([file], count=40):
        signal = cawg.read(changed)
        assert signal is None or ALLOW not in signal.preferences.values()
