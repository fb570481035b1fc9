import subprocess
import sys

import pytest

from holdout.errors import InvalidInput
from holdout.fingerprints.algorithms import ALGORITHMS, Kind, parse_code
from holdout.fingerprints.exact import sha256

CODES = [name for name, algorithm in ALGORITHMS.items() if algorithm.kind is not Kind.LOCAL]


def test_the_live_algorithms_are_known_by_kind_length_and_radius() -> None:
    assert {name: (a.kind, a.bits, a.radius) for name, a in ALGORITHMS.items()} == {
        "sha256": (Kind.EXACT, 256, 0),
        "pixels-sha256/1": (Kind.EXACT, 256, 0),
        "phash-256/1": (Kind.PERCEPTUAL, 256, 31),
        "pdq-256/1": (Kind.PERCEPTUAL, 256, 31),
        "iscc-image-256/1": (Kind.PERCEPTUAL, 256, 31),
        "iscc-instance-256/1": (Kind.EXACT, 256, 0),
        "keypoints/1": (Kind.LOCAL, 0, 0),
    }


@pytest.mark.parametrize("algorithm", CODES)
def test_a_code_is_read_in_either_case(algorithm: str) -> None:
    assert parse_code(algorithm, "aB" * 32) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "00" * 32, "00" * 1200])
def test_local_features_are_no_code(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code("keypoints/1", text)
    assert caught.value.code == "fingerprint_malformed"


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
    "algorithm",
    ["phash", "phash-64", "phash64", "PHash_64", "phash-64/1", "dhash", "ahash", "whash-64", "iscc-image-64"],
)
def test_a_64_bit_algorithm_is_told_to_send_256_bits(algorithm: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code(algorithm, "0" * 16)
    assert caught.value.code == "fingerprint_too_short"
    assert "256 bits" in caught.value.detail


@pytest.mark.parametrize("algorithm", ["phash-256/1", "pdq-256/1", "iscc-image-256/1"])
def test_64_bits_under_the_long_algorithms_name_are_told_the_same(algorithm: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code(algorithm, "8000000000000000")
    assert caught.value.code == "fingerprint_too_short"


def test_64_bits_of_an_exact_digest_are_only_malformed() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_code("sha256", "8000000000000000")
    assert caught.value.code == "fingerprint_malformed"


def test_a_process_that_only_asks_the_sandbox_loads_no_numpy_and_no_pillow() -> None:
    script = (
        "import sys, holdout.fingerprints, holdout.fingerprints.sandbox, holdout.fingerprints.algorithms\n"
        "print(sorted({'numpy', 'PIL', 'scipy', 'imagehash', 'cv2', 'iscc_lib'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
