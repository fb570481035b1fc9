import json

import pytest

from holdout.fingerprints import selftest, vectors
from holdout.fingerprints.algorithms import ALGORITHMS, Kind


def test_this_installation_finds_the_golden_codes() -> None:
    assert selftest.differences(expected=vectors.stored(), found=vectors.computed()) == []


def test_the_self_test_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main([]) == 0
    assert "agree" in capsys.readouterr().out


def test_the_self_test_prints_what_the_stored_file_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main(["--print"]) == 0
    assert json.loads(capsys.readouterr().out) == vectors.stored()


def test_the_self_test_names_the_vector_that_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = vectors.stored()
    wrong["sha256"]["abc"] = "00"
    monkeypatch.setattr(vectors, "stored", lambda: wrong)
    assert selftest.main([]) == 1
    assert "/sha256/abc: expected 00" in capsys.readouterr().out


@pytest.mark.parametrize("algorithm", ["phash-256/1", "pdq-256/1"])
def test_the_vectors_hold_pictures_that_the_quality_gate_refuses(algorithm: str) -> None:
    pictures = vectors.stored()[algorithm]["orientations"]
    refused = {name for name, codes in pictures.items() if codes is None}
    assert refused == {"flat", "linear-gradient", "round-gradient"}
    assert all(len(set(codes)) == 8 for name, codes in pictures.items() if name not in refused)


def test_the_vectors_hold_every_algorithm_that_is_written_as_a_code() -> None:
    codes = {name for name, algorithm in ALGORITHMS.items() if algorithm.kind is not Kind.LOCAL}
    assert set(vectors.stored()) == codes | {"panes"}


def test_the_vectors_hold_windows() -> None:
    assert {pane[0] for pane in vectors.stored()["panes"]["strip"]} == {"whole", "window"}
