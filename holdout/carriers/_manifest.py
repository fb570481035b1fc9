"""Run by its path, apart: reads a picture from standard input and writes what its active manifest asserts.

Imports nothing of ours, so that it runs isolated from the folder and the environment of whoever starts it.
"""

import io
import json
import resource
import sys
from typing import Any

_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": []},
}
_CPU_SECONDS = 10
_MEMORY = 2 * 1024**3
_FORMATS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG", "image/png"),
    (8, b"WEBP", "image/webp"),
    (8, b"avif", "image/avif"),
    (8, b"heic", "image/heic"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"GIF8", "image/gif"),
)


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    print(json.dumps(_manifest(sys.stdin.buffer.read())))
    return 0


def _manifest(file: bytes) -> dict[str, Any]:
    try:
        import c2pa
    except ImportError:
        return {"note": "cawg_no_reader"}
    media_type = next((m for at, magic, m in _FORMATS if file[at : at + len(magic)] == magic), None)
    if media_type is None:
        return {"note": "cawg_unreadable"}
    try:
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Reader(media_type, io.BytesIO(file), context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            return {
                "state": reader.get_validation_state(),
                "assertions": [a for a in manifest.get("assertions", []) if isinstance(a, dict)],
            }
    except c2pa.C2paError:
        return {"note": "cawg_unreadable"}


if __name__ == "__main__":
    sys.exit(main())
