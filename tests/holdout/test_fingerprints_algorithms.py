import subprocess
import sys

import pytest

from holdout.errors import InvalidInput
from holdout.fingerprints.algorithms import ALGORITHMS, PHASH_256, SHA256, Kind, parse_code
from holdout.fingerprints.exact import sha256


def test_the_two_live_algorithms_are_one_exact_and_one_perceptual() -> None:
    assert set(ALGORITHMS) == {"sha256", "phash-256/1"}
    assert (SHA256.kind, SHA256.bits, SHA256.radius) == (Kind.EXACT, 256, 0)
    assert (PHASH_256.kind, PHASH_256.bits, PHASH_256.radius) == (Kind.PERCEPTUAL, 256, 31)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_code_is_read_in_either_case(algorithm: str) -> None:
    assert parse_code(algorithm, "aB" * 32) == b"\xab" * 32


def test_the_digest_of_a_file_is_a_sha256_code() -> None:
    assert parse_code("sha256", sha256(b"abc").hex()) == sha256(b"abc")


@pytest.mark.parametrize("algorithm", ["", "md5", "phash-256", "phash-256/2", "SHA256", "pdq"])
def test_an_unknown_algorithm_is_refused_with_the_known_ones(algorithm: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code(algorithm, "00" * 32)
    assert caught.value.code == "fingerprint_algorithm_unknown"
    assert "phash-256/1" in caught.value.detail


@pytest.mark.parametrize(
    "text", ["", "0", "00" * 31, "00" * 33, "0g" * 32, " " + "00" * 32, "00 " * 32, "\uff10" * 64]
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_text_that_is_not_64_hexadecimal_digits_is_malformed(algorithm: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code(algorithm, text)
    assert caught.value.code == "fingerprint_malformed"


@pytest.mark.parametrize(
    "algorithm", ["phash", "phash-64", "phash64", "PHash_64", "phash-64/1", "dhash", "ahash", "whash-64"]
)
def test_a_64_bit_algorithm_is_told_to_send_256_bits(algorithm: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code(algorithm, "0" * 16)
    assert caught.value.code == "fingerprint_too_short"
    assert "256 bits" in caught.value.detail


def test_64_bits_under_the_long_algorithms_name_are_told_the_same() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code("phash-256/1", "8000000000000000")
    assert caught.value.code == "fingerprint_too_short"


def test_64_bits_of_an_exact_digest_are_only_malformed() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code("sha256", "8000000000000000")
    assert caught.value.code == "fingerprint_malformed"


def test_a_process_that_only_asks_the_sandbox_loads_no_numpy_and_no_pillow() -> None:
    script = (
        "import sys, holdout.fingerprints, holdout.fingerprints.sandbox, holdout.fingerprints.algorithms\n"
        "print(sorted({'numpy', 'PIL', 'scipy', 'imagehash'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
