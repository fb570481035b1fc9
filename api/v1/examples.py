"""What the documentation shows being asked and answered. A test asks it, in a registry where the place
https://artist.example/ says "No AI" (proven by domain), and compares.
"""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_NO_AI: Final = {
    "train_gen": "deny",
    "train_other": "deny",
    "ai_input": "deny",
    "tdm": "deny",
    "search": "unknown",
}
_NOTHING_SAID: Final = dict.fromkeys(_NO_AI, "unknown")
_AS_OF: Final = {"log_index": 41, "time": "2026-11-22T09:30:00.123000+00:00"}
_RESERVED: Final = {
    "status": "checked",
    "uses": _NO_AI,
    "access": "unknown",
    "disputed": False,
    "reasons": [
        {
            "source": "stm_5m2k7q3vz6n4c2x7hw3a5ybd4e",
            "method": "domain",
            "assurance": "L3",
            "uses": {use: value for use, value in _NO_AI.items() if value == "deny"},
        }
    ],
}
_FREE: Final = {
    "status": "checked",
    "uses": _NOTHING_SAID,
    "access": "unknown",
    "disputed": False,
    "reasons": [],
}
_BATCH: Final = {
    "queries": [
        {"url": "https://artist.example/harbour.jpg"},
        {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        {"url": "https://nobody.example/", "codes": {"phash-256/1": "00ff" * 16}},
        {"url": "harbour.jpg"},
    ]
}
_BATCH_ANSWER: Final = {
    "as_of": _AS_OF,
    "index_version": 3,
    "results": [
        _RESERVED,
        _FREE,
        _FREE,
        {
            "status": "failed",
            "error": {"code": "url_invalid", "detail": "This is no complete web address (https://…)."},
        },
    ],
}
STATEMENT_ID: Final = "stm_5m2k7q3vz6n4c2x7hw3a5ybd4e"
JOB_ID: Final = "job_5m2k7q3vz6n4c2x7hw3a5ybd4e"
_JOB: Final = {
    "id": JOB_ID,
    "state": "queued",
    "rows": None,
    "rows_done": 0,
    "seconds_left": None,
    "counts": {},
    "answers": "all",
    "columns": {"url": "url", "sha256": "", "page_url": "", "phash": "", "fingerprints": ""},
    "created_at": "2026-11-22T09:30:00.123000+00:00",
    "finished_at": None,
    "result_sha256": None,
    "error": None,
}
_DONE: Final = _JOB | {
    "state": "done",
    "rows": 2,
    "rows_done": 2,
    "counts": {"deny": 1, "unknown": 1},
    "finished_at": "2026-11-22T09:30:02.456000+00:00",
    "result_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
_RECEIPT: Final = {
    "version": 1,
    "log": "lookups",
    "entry": {"index": 7, "type": "lookup-job", "time_ms": 1795339800123, "leaf_hash": "5c" * 32},
    "record": {"receipt": "lrc_5m2k7q3vz6n4c2x7hw3a5ybd4e", "counts": {"deny": 1, "unknown": 1}},
    "salt": "a7" * 32,
}


def asked(name: str, value: Any, media_type: str = "application/json") -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def _answered(name: str, value: Any) -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, response_only=True)]


LOOKUP_ASKED: Final = [asked("four pictures", _BATCH)]
LINES_ASKED: Final = [
    asked("two URLs", "https://artist.example/harbour.jpg\nhttps://nobody.example/\n", "text/plain")
]
LOOKUP_ANSWERED: Final = _answered("four pictures", _BATCH_ANSWER)
STATUS_ANSWERED: Final = _answered("a picture that says No AI", {"as_of": _AS_OF, **_RESERVED})
JOB_ASKED: Final = [
    asked("two rows", "url\nhttps://artist.example/harbour.jpg\nhttps://nobody.example/\n", "text/csv")
]
JOB_ACCEPTED: Final = _answered("two rows", _JOB)
JOBS_LISTED: Final = _answered("one job", {"jobs": [_DONE]})
JOB_DONE: Final = _answered("two rows, screened", _DONE)
JOB_CANCELLED: Final = _answered(
    "cancelled", _JOB | {"state": "cancelled", "finished_at": "2026-11-22T09:30:01.000000+00:00"}
)
JOB_RECEIPT: Final = _answered("a job's receipt", _RECEIPT)

VERSION: Final = 1_795_339_800
_SNAPSHOTS: Final = {
    "version": VERSION,
    "created": "2026-11-22T09:30:00.123000+00:00",
    "expires": "2026-11-24T09:30:00.123000+00:00",
    "log_index": 41,
    "prefixes": 1,
    "base": {
        "version": VERSION,
        "since": 0,
        "url": f"/v1/snapshots/{VERSION}",
        "bytes": 1_021,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "deltas": [
        {
            "version": VERSION,
            "since": VERSION - 3_600,
            "url": f"/v1/snapshots/{VERSION - 3_600}/delta",
            "bytes": 995,
            "sha256": "5c86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    ],
    "public_keys": [
        {
            "id": "34750f98bd59fcfc",
            "algorithm": "ed25519",
            "public_key": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
        }
    ],
    "confirm": {"bits": 0, "prefixes": 256},
}
_CONFIRMED: Final = {
    "as_of": _AS_OF,
    "index_version": 7,
    "bits": 0,
    "ranges": [
        {
            "prefix": "0",
            "keys": "+UTEof00A9BcooYobVS5ig==",
            "codes": [240],
            "sources": [["stm_5m2k7q3vz6n4c2x7hw3a5ybd4e"]],
            "error": None,
        }
    ],
}
SNAPSHOTS_LISTED: Final = _answered("a base and a delta", _SNAPSHOTS)
CONFIRM_ASKED: Final = [asked("the keys of one URL", {"prefixes": ["0"], "bits": 0})]
CONFIRM_ANSWERED: Final = _answered("a domain that says No AI", _CONFIRMED)

MANDATE_ID: Final = "mnd_5m2k7q3vz6n4c2x7hw3a5ybd4e"
_CONSENT: Final = {
    "text_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "at": "2026-01-05T10:00:00+00:00",
    "how": "form",
}
_EXPIRES: Final = "2036-01-05T10:00:00+00:00"
_MANDATE: Final = {
    "id": MANDATE_ID,
    "reference": "user-4711",
    "state": "open",
    "kinds": ["account", "domain", "host", "path", "sha256", "url"],
    "consent": _CONSENT,
    "created_at": "2026-11-22T09:30:00.123000+00:00",
    "expires_at": _EXPIRES,
    "ended_at": None,
}
MANDATE_ASKED: Final = [
    asked(
        "a user who ticked a box of its own",
        {"reference": "user-4711", "consent": _CONSENT, "expires_at": _EXPIRES},
    )
]
MANDATE_GIVEN: Final = _answered("a mandate", _MANDATE)
MANDATE_ENDED: Final = _answered(
    "ended", _MANDATE | {"state": "ended", "ended_at": "2026-11-22T09:30:01.000000+00:00"}
)
HANDOVER_OFFERED: Final = _answered(
    "a code", {"code": "k7qf3m2xabt5c2x7hw3a5ybd4e", "expires_at": "2026-12-22T09:30:00.123000+00:00"}
)
CONTACT_ASKED: Final = [
    asked(
        "a question about terms",
        {
            "statement": STATEMENT_ID,
            "message": "We would like to train on this picture. What are your terms?",
            "reply_to": "licensing@vendor.example",
        },
    )
]
CONTACT_STORED: Final = _answered("stored", {"id": "inq_5m2k7q3vz6n4c2x7hw3a5ybd4e"})
GRANTS_LISTED: Final = _answered(
    "one grant",
    {
        "grants": [
            {
                "id": "grt_5m2k7q3vz6n4c2x7hw3a5ybd4e",
                "uses": ["train_gen", "tdm"],
                "expires_at": "2027-11-23T00:00:00+00:00",
            }
        ]
    },
)
REGISTRATION_ASKED: Final = [
    asked(
        "a folder, a file, and a slip",
        {
            "mandate": MANDATE_ID,
            "preset": "no-ai",
            "items": [
                {"path": "https://platform.example/users/4711/"},
                {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
                {"url": "harbour.jpg"},
            ],
        },
    )
]
REGISTERED: Final = _answered(
    "a folder, a file, and a slip",
    {
        "mandate": MANDATE_ID,
        "results": [
            {
                "id": "loc_5m2k7q3vz6n4c2x7hw3a5ybd4e",
                "statement": "stm_5m2k7q3vz6n4c2x7hw3a5ybd4e",
                "state": "registered",
            },
            {
                "id": "wrk_5m2k7q3vz6n4c2x7hw3a5ybd4e",
                "statement": "stm_4m2k7q3vz6n4c2x7hw3a5ybd4e",
                "state": "registered",
            },
            {
                "error": {
                    "code": "url_invalid",
                    "detail": "This is no complete web address (https://…).",
                }
            },
        ],
    },
)
