import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from holdout.errors import Unavailable, UnreadablePicture
from holdout.fingerprints import _wire, fingerprint_picture, sandbox
from holdout.fingerprints._zygote import Zygote
from holdout.fingerprints.describe import describe
from holdout.fingerprints.limits import FORMATS, MAX_BYTES, ChildLimits
from holdout.fingerprints.picture import Gate, Pane, PaneKind, PictureFingerprints
from holdout.fingerprints.sandbox import Sandbox
from holdout.fingerprints.vectors import PICTURES, png, texture

PICTURE = png(PICTURES["landscape"]())
FLAT = png(PICTURES["flat"]())


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if kind == "GIF" else {"exif": exif.tobytes()}
    Image.fromarray(texture(seed=1)).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def ended(pid: int, *, within: float = 5.0) -> bool:
    """Whether the process is gone, or a zombie that nobody reaps."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def hostile_pictures() -> list[bytes]:
    random = np.random.RandomState(1)
    pictures = []
    for number in range(50):
        data = bytearray(encoded(FORMATS[number % len(FORMATS)]))
        for at in random.randint(0, len(data), 20):
            data[at] = random.randint(256)
        pictures.append(bytes(data[: random.randint(10, len(data) + 1)]))
    return pictures


# What it answers


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("query", [False, True])
def test_the_sandbox_finds_what_describe_finds(shared: Sandbox, kind: str, *, query: bool) -> None:
    data = encoded(kind)
    assert shared.fingerprint(data, query=query) == describe(data, query=query)


def test_a_phones_jpeg_of_several_pictures_is_read_without_an_import(shared: Sandbox) -> None:
    file = io.BytesIO()
    photo = Image.fromarray(texture(seed=1))
    photo.save(file, "MPO", save_all=True, append_images=[photo])
    assert shared.fingerprint(file.getvalue(), query=False).format == "JPEG"


def test_a_picture_that_the_gate_refuses_has_no_code(shared: Sandbox) -> None:
    found = shared.fingerprint(FLAT, query=True)
    assert (found.usable, found.phash, found.panes[0].gate) == (False, None, Gate.FLAT)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_format_unsupported"),
        (b"PK\3\4 not a jpeg", "picture_format_unsupported"),
        (PICTURE[:-200], "picture_damaged"),
    ],
)
def test_a_refusal_comes_back_with_its_code_and_what_to_do(shared: Sandbox, data: bytes, code: str) -> None:
    with pytest.raises(UnreadablePicture) as caught:
        shared.fingerprint(data, query=False)
    assert caught.value.code == code
    assert len(caught.value.detail) > 20


def test_a_file_over_the_limit_involves_no_process(own: Sandbox) -> None:
    with pytest.raises(UnreadablePicture) as caught:
        own.fingerprint(bytes(MAX_BYTES + 1), query=False)
    assert caught.value.code == "picture_too_large"
    assert own.zygote_pid is None


def test_the_largest_file_passes_through_whole(shared: Sandbox) -> None:
    padded = PICTURE + bytes(MAX_BYTES - len(PICTURE))
    assert shared.fingerprint(padded, query=False).phash == describe(PICTURE, query=False).phash


def test_the_module_has_a_sandbox_of_its_own() -> None:
    assert fingerprint_picture(PICTURE, query=True) == describe(PICTURE, query=True)


# What a child may not do


def test_a_zygote_inherits_no_secret(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://holdout:secret@db/holdout")
    own.fingerprint(PICTURE, query=False)
    environment = Path(f"/proc/{own.zygote_pid}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names == {b"PATH", b"LANG", b"OPENBLAS_NUM_THREADS", b"OMP_NUM_THREADS", b"PYTHONPATH"}


def test_a_zygote_holds_no_descriptor_of_ours(own: Sandbox) -> None:
    left, right = socket.socketpair()
    with left, right:
        os.set_inheritable(left.fileno(), True)
        own.fingerprint(PICTURE, query=False)
        links = {link.readlink() for link in Path(f"/proc/{own.zygote_pid}/fd").iterdir()}
        assert Path(f"/proc/self/fd/{left.fileno()}").readlink() not in links


def confined(
    body: str, *, limits: ChildLimits | None = None, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `body` in a process that has confined itself; `before` runs while it is still free."""
    script = "\n".join(
        [
            "import os, signal, socket",
            "from holdout.fingerprints._confine import confine",
            "from holdout.fingerprints.limits import ChildLimits",
            before,
            f"confine(limits={limits or ChildLimits()!r})",
            body,
        ]
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/dev/null')",
        "socket.socket()",
        "socket.socketpair()",
        "os.pipe()",
        "os.fork()",
        "os.dup(1)",
        "os.kill(PARENT, 0) if ROOT else os.fork()",
        "os.setuid(0) if ROOT else os.fork()",
    ],
)
def test_a_confined_process_can_reach_nothing(attempt: str) -> None:
    result = confined(
        f"try:\n    {attempt}\nexcept OSError:\n    print('refused')\nelse:\n    print('possible')",
        before="PARENT, ROOT = os.getppid(), os.geteuid() == 0",
    )
    assert (result.stdout.strip(), result.returncode) == ("refused", 0)


def test_a_confined_process_cannot_write_to_a_file_that_is_open(tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = confined(
        "try:\n    os.write(file, b'x')\nexcept OSError:\n    print('refused')",
        before=f"file = os.open({str(log)!r}, os.O_CREAT | os.O_WRONLY)",
    )
    assert (result.stdout.strip(), log.read_bytes()) == ("refused", b"")


def test_a_confined_process_is_not_root() -> None:
    assert confined("print(os.geteuid() != 0 and os.getegid() != 0 or os.getuid())").stdout.strip() != "0"


def test_a_confined_process_that_spins_is_ended_by_its_processor_limit() -> None:
    result = confined("while True: pass", limits=ChildLimits(cpu_seconds=1))
    assert result.returncode == -signal.SIGXCPU


def test_a_confined_process_that_sleeps_is_ended_by_the_clock() -> None:
    result = confined("signal.pause()", limits=ChildLimits(wall_seconds=0.1))
    assert result.returncode == -signal.SIGALRM


def test_a_confined_process_gets_no_more_memory_than_it_may() -> None:
    allocate = "try:\n    bytearray(60_000_000)\nexcept MemoryError:\n    print('refused')"
    assert confined(allocate, limits=ChildLimits(memory_bytes=40_000_000)).stdout.strip() == "refused"
    assert confined(allocate).stdout.strip() == ""


# How it survives


def large_picture() -> bytes:
    """35 million pixels in a small file."""
    return png(Image.new("1", (7000, 5000), 1))


def test_a_picture_that_takes_too_long_is_refused() -> None:
    with Sandbox(limits=ChildLimits(wall_seconds=0.03)) as box, pytest.raises(UnreadablePicture) as caught:
        box.fingerprint(large_picture(), query=False)
    assert caught.value.code == "picture_took_too_long"


def test_a_picture_that_takes_too_much_memory_is_refused() -> None:
    with Sandbox(limits=ChildLimits(memory_bytes=30_000_000)) as box:
        with pytest.raises(UnreadablePicture) as caught:
            box.fingerprint(png(Image.new("RGB", (7000, 5000))), query=False)
        assert caught.value.code == "picture_too_many_pixels"
        assert box.fingerprint(PICTURE, query=False).usable


def test_fifty_hostile_pictures_leave_the_zygote_alive(shared: Sandbox) -> None:
    shared.fingerprint(PICTURE, query=False)
    zygote = shared.zygote_pid
    codes = set()
    for data in hostile_pictures():
        try:
            shared.fingerprint(data, query=False)
        except UnreadablePicture as error:
            codes.add(error.code)
    assert codes <= {"picture_damaged", "picture_format_unsupported", "picture_too_many_pixels"}
    assert shared.fingerprint(PICTURE, query=False).usable
    assert shared.zygote_pid == zygote


def test_a_dead_zygote_is_replaced_unnoticed(own: Sandbox) -> None:
    own.fingerprint(PICTURE, query=False)
    zygote = own.zygote_pid
    assert zygote is not None
    os.kill(zygote, signal.SIGKILL)
    assert own.fingerprint(PICTURE, query=False).usable
    assert own.zygote_pid != zygote


def test_eight_threads_share_one_zygote(shared: Sandbox) -> None:
    data = [png(Image.fromarray(texture(seed=seed))) for seed in range(8)]
    wanted = [describe(picture, query=False) for picture in data]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(partial(shared.fingerprint, query=False), data * 5))
    assert found == wanted * 5


def test_threads_survive_the_death_of_the_zygote_under_them(own: Sandbox) -> None:
    own.fingerprint(PICTURE, query=False)
    zygote = own.zygote_pid
    assert zygote is not None
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(own.fingerprint, PICTURE, query=False) for _ in range(24)]
        os.kill(zygote, signal.SIGKILL)
    assert all(future.result().usable for future in found)


def test_a_forked_process_starts_a_zygote_of_its_own(own: Sandbox) -> None:
    own.fingerprint(PICTURE, query=False)
    zygote = own.zygote_pid
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            before = own.zygote_pid
            own.fingerprint(PICTURE, query=False)
            os.write(writer, f"{before} {own.zygote_pid}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        inherited, replaced = answers.read().split()
    os.waitpid(pid, 0)
    assert inherited == "None"
    assert int(replaced) != zygote
    assert ended(int(replaced))
    assert own.fingerprint(PICTURE, query=False).usable
    assert own.zygote_pid == zygote


def test_a_fork_while_the_sandbox_is_busy_does_not_hang(own: Sandbox) -> None:
    busy = Thread(target=own.fingerprint, args=(PICTURE,), kwargs={"query": False})
    busy.start()  # holds the lock while the zygote starts
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(20)
            status = 0 if own.fingerprint(PICTURE, query=False).usable else 1
        finally:
            os._exit(status)
    busy.join()
    assert os.waitpid(pid, 0)[1] == 0


def test_a_zygote_ends_with_its_process_however_that_ends() -> None:
    script = (
        "import os, sys\n"
        "from holdout.fingerprints.sandbox import Sandbox\n"
        "box = Sandbox(); box.run(b'', query=False)\n"
        "print(box.zygote_pid, flush=True); os.kill(os.getpid(), 9)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended(int(result.stdout))


def test_a_closed_sandbox_has_no_process_and_may_be_used_again(own: Sandbox) -> None:
    own.fingerprint(PICTURE, query=False)
    zygote = own.zygote_pid
    assert zygote is not None
    own.close()
    own.close()
    assert own.zygote_pid is None
    assert ended(zygote, within=0.1)
    assert own.fingerprint(PICTURE, query=False).usable


# What it does not believe


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false", "/bin/true"])
def test_no_zygote_is_unavailable_and_says_nothing_of_the_picture(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(Unavailable) as caught:
        own.fingerprint(PICTURE, query=False)
    assert caught.value.code == "sandbox_unavailable"


def answers(monkeypatch: pytest.MonkeyPatch, *, answer: bytes, status: int) -> None:
    report = _wire.ChildReport(answer, status, 0)
    monkeypatch.setattr(sandbox.Sandbox, "run", lambda *_, **__: report)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (signal.SIGSEGV, "picture_crashed_decoder"),
        (signal.SIGXCPU, "picture_took_too_long"),
        (signal.SIGALRM, "picture_took_too_long"),
        (1 << 8, "picture_crashed_decoder"),
        (0, "picture_crashed_decoder"),
    ],
)
def test_a_child_that_ends_without_an_answer_is_told_apart_by_its_end(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    answers(monkeypatch, answer=b"", status=status)
    with pytest.raises(UnreadablePicture) as caught:
        own.fingerprint(PICTURE, query=False)
    assert caught.value.code == code


def test_a_child_that_could_not_be_forked_says_nothing_of_the_picture(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, answer=b"", status=_wire.NOT_STARTED)
    with pytest.raises(Unavailable):
        own.fingerprint(PICTURE, query=False)


def test_a_child_that_the_kernel_killed_says_nothing_of_the_picture(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory: another machine, or this one later, may read the same picture."""
    answers(monkeypatch, answer=b"", status=signal.SIGKILL)
    with pytest.raises(Unavailable):
        own.fingerprint(PICTURE, query=False)


def test_a_child_cannot_claim_another_file(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, answer=_wire.pack_fingerprints(describe(FLAT, query=False)), status=0)
    with pytest.raises(UnreadablePicture) as caught:
        own.fingerprint(PICTURE, query=False)
    assert caught.value.code == "picture_crashed_decoder"


@pytest.mark.parametrize("picture", [PICTURE, FLAT])
@pytest.mark.parametrize("query", [False, True])
def test_an_answer_survives_the_wire(picture: bytes, *, query: bool) -> None:
    found = describe(picture, query=query)
    assert _wire.unpack_answer(_wire.pack_fingerprints(found), query=query) == found


@given(answer=st.binary(max_size=400), query=st.booleans())
def test_an_answer_of_random_bytes_is_at_most_a_known_refusal(answer: bytes, *, query: bool) -> None:
    version = describe(FLAT, query=False).to_bytes()[:4]
    for text in (answer, b"\x01" + answer, b"\x00" + answer, b"\x00" + version + answer):
        with pytest.raises((ValueError, UnreadablePicture)):
            _wire.unpack_answer(text, query=query)


@pytest.mark.parametrize("picture", [PICTURE, FLAT])
def test_the_answer_to_another_question_is_not_believed(picture: bytes) -> None:
    for query in (False, True):
        answer = _wire.pack_fingerprints(describe(picture, query=query))
        with pytest.raises(ValueError, match="another question"):
            _wire.unpack_answer(answer, query=not query)


def full_report() -> PictureFingerprints:
    """More than a socket's buffer takes, as a picture with many panes and keypoints would give."""
    code, box = bytes(32), (0, 0, 900, 900)
    panes = [
        Pane(kind, box, Gate.OK, 100, (code,) * 8, (code,) * 8, bytes(20_000))
        for kind in (PaneKind.WHOLE, *[PaneKind.RECTANGLE] * 39)
    ]
    return PictureFingerprints(code, code, None, code, 900, 900, "PNG", tuple(panes))


_STILL_TO_BE_READ = 40_000
"""Less than a socket's buffer holds."""


def test_a_long_answer_and_the_zygotes_last_word_both_arrive() -> None:
    """The answer still fills the socket when the child is dead."""
    answer = _wire.pack_fingerprints(full_report())
    control, its_control = socket.socketpair()
    ours, theirs = socket.socketpair()
    received = bytearray()
    with control, its_control, ours:
        zygote = Zygote(control=its_control, limits=ChildLimits())
        with theirs.dup() as childs:
            child = Thread(target=childs.sendall, args=(answer,))
            child.start()
            # Never to the end, where nothing more would come to wait for.
            while len(received) < len(answer) - _STILL_TO_BE_READ:
                received += ours.recv(min(1 << 14, len(answer) - _STILL_TO_BE_READ - len(received)))
            child.join()
        zygote._report(theirs, wait_status=0, peak_kib=7)
        while part := ours.recv(1 << 14):
            received += part
            zygote._speak()
    report = _wire.unpack_report(bytes(received))
    assert report == _wire.ChildReport(answer, 0, 7 * 1024)
    assert _wire.unpack_answer(answer, query=True) == full_report()


def test_an_answer_without_the_zygotes_last_word_is_no_report() -> None:
    answer = _wire.pack_fingerprints(describe(PICTURE, query=True))
    assert _wire.unpack_report(answer) is None
    assert _wire.unpack_report(answer[:5]) is None
    report = _wire.unpack_report(answer + _wire.pack_trailer(wait_status=9, peak_kib=3))
    assert report == _wire.ChildReport(answer, 9, 3072)


def test_a_request_that_stops_half_way_is_not_decoded() -> None:
    request = _wire.pack_request(PICTURE, query=True) + PICTURE
    assert _wire.unpack_request(request) == (PICTURE, True)
    for length in (0, 3, len(request) - 1):
        with pytest.raises(ValueError, match="incomplete"):
            _wire.unpack_request(request[:length])
