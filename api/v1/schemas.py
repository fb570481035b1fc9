"""What /v1 reads and answers, as JSON Schema: bodies here are read by msgspec and written by hand, for speed,
so nothing can be derived from serializers. Tests compare what is said here with what is answered.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from holdout.carriers.standards import standards
from holdout.carriers.wire import MOST_AGENTS
from holdout.snapshot.ranges import MAX_BITS
from holdout.verdicts import Access, Covered, MatchMethod, Outcome, Status
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from lookup.confirm import MAX_PREFIXES
from lookup.formats import Columns
from lookup.models import LookupJob
from lookup.parsing import MAX_CODES, SEARCHED
from registry.mandates import HOW
from registry.models import SubjectKind

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    closed = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return closed | ({"required": required} if required else {}) | more


def _text(description: str = "", **more: Any) -> Schema:
    return {"type": "string"} | ({"description": description} if description else {}) | more


def _numbers(description: str) -> Schema:
    return {"type": "array", "items": {"type": "integer", "minimum": 0}, "description": description}


def _nullable(schema: Schema) -> Schema:
    return {"oneOf": [schema, {"type": "null"}]}


_INDEX_VERSION: Final = {"type": "integer", "description": "Counts the publications of the read index."}
_HEX_256: Final = "^[0-9a-fA-F]{64}$"
_TIME: Final = _text(format="date-time")
_COUNTS: Final = {
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0},
    "description": "Rows by their most restrictive outcome, or `failed`.",
}
_ERROR: Final = _object({"code": _text("Stable."), "detail": _text("For a person.")})

_ONE_OR_MORE: Final = {"oneOf": [_text(), {"type": "array", "items": _text()}]}
_SIGNALS: Final = _object(
    {
        "agents": {
            "type": "array",
            "items": _text(),
            "maxItems": MOST_AGENTS,
            "description": "Product tokens of your crawler, as robots.txt would name it.",
        },
        "headers": {
            "type": "object",
            "additionalProperties": _ONE_OR_MORE,
            "description": "Of the answer that brought the picture, by name.",
        },
        "meta": {
            "type": "object",
            "additionalProperties": _ONE_OR_MORE,
            "description": "Contents of the page's meta elements, by name.",
        },
        "robots": _text("The host's robots.txt."),
        "ai_txt": _text("The host's ai.txt."),
        "tdmrep": _text("The host's /.well-known/tdmrep.json."),
        "xmp": _text("The picture's XMP packet."),
        "iscc": _text("JSON beside the picture's ISCC: service metadata, or a TDM·AI declaration."),
    },
    optional=("agents", "headers", "meta", "robots", "ai_txt", "tdmrep", "xmp", "iscc"),
    description="What you saw round the picture. It counts beside what is registered, and only restricts.",
)
_QUERY: Final = _object(
    {
        "url": _text("Where the picture stands: http or https.", maxLength=8192),
        "sha256": _text("Of the file, in hex.", pattern=_HEX_256),
        "codes": {
            "type": "object",
            "description": "Perceptual codes in hex, by algorithm.",
            "properties": {
                name: {
                    "oneOf": [
                        _text(),
                        {"type": "array", "items": _text(), "maxItems": MAX_CODES, "minItems": 1},
                    ]
                }
                for name in SEARCHED
            },
        },
        "fingerprints": _text(
            "All fingerprints of the picture in base64, as `holdout fingerprint` writes them.",
            contentEncoding="base64",
        ),
        "picture": _text("The file itself, base64.", contentEncoding="base64"),
        "page_url": _text("The page on which you found it; may only restrict.", maxLength=8192),
        "account": _text("Whose it was there, as platform:user; may only restrict."),
        "signals": ref("Signals"),
    },
    optional=("url", "sha256", "codes", "fingerprints", "picture", "page_url", "account", "signals"),
    description="One picture, by any mix of keys; at least one.",
)
_CHECKED: Final = _object(
    {
        "status": {"const": Status.CHECKED.value},
        "uses": ref("Uses"),
        "access": {
            "enum": [a.value for a in Access],
            "description": "What robots.txt says to your crawler; apart from use, and either can block.",
        },
        "disputed": {"type": "boolean"},
        "reasons": {"type": "array", "items": ref("Reason")},
    }
)
_FAILED: Final = _object(
    {"status": {"const": Status.FAILED.value}, "error": ref("Error")},
    description="This query could not be answered. It is neither unknown nor allow.",
)
_JOB: Final = _object(
    {
        "id": _text(pattern="^job_[a-z2-7]{26}$"),
        "state": {"enum": LookupJob.State.values},
        "rows": _nullable({"type": "integer", "description": "Known once the upload has been cut."}),
        "rows_done": {"type": "integer", "minimum": 0},
        "seconds_left": _nullable({"type": "integer", "minimum": 0, "description": "At the pace so far."}),
        "counts": _COUNTS,
        "answers": {"enum": LookupJob.Answers.values},
        "columns": _object({f.name: _text("Empty: none is read.") for f in fields(Columns)}),
        "created_at": _TIME,
        "finished_at": _nullable(_TIME),
        "result_sha256": _nullable(_text(pattern="^[0-9a-f]{64}$")),
        "error": _nullable(ref("Error")),
    }
)
_RECEIPT: Final = _object(
    {
        "version": {"const": 1},
        "log": _text(),
        "entry": _object(
            {
                "index": {"type": "integer", "minimum": 0},
                "type": _text(),
                "time_ms": {"type": "integer"},
                "leaf_hash": _text(pattern="^[0-9a-f]{64}$"),
            }
        ),
        "record": {"type": "object", "description": "What was asked and answered, by digests."},
        "salt": _text("Opens the commitment in the log."),
    },
    description="`holdout.receipts.verify_opening` checks it offline.",
)

_KINDS: Final = {
    "type": "array",
    "items": {"enum": SubjectKind.values},
    "minItems": 1,
    "description": "Of what something may be said; if not given, all.",
}
_ITEMS: Final = {
    SubjectKind.URL.value: "A picture's address.",
    SubjectKind.ACCOUNT.value: "platform:user, such as weibo:1669879400.",
    SubjectKind.PATH.value: "A folder, with a slash at its end.",
    SubjectKind.SHA256.value: "Of a file, in hex.",
    SubjectKind.HOST.value: "Exactly this host.",
    SubjectKind.DOMAIN.value: "This host and all its subdomains.",
}

SCHEMAS: Final[Mapping[str, Schema]] = {
    "Uses": _object(
        {use.value: {"enum": [o.value for o in Outcome]} for use in UsageCategory},
        description="The answer for each use. `unknown` means that nobody said anything: no permission.",
    ),
    "Reason": _object(
        {
            "source": _text("The statement's public id; of a signal where it was read."),
            "method": {
                "enum": [*(m.value for m in MatchMethod), "grant", *standards()],
                "description": "How it was found; of a signal its standard.",
            },
            "assurance": _nullable(_text("How well its declarant is proven.", pattern="^L[0-5]$")),
            "uses": {"type": "object", "additionalProperties": {"enum": [o.value for o in Outcome]}},
            "mirrored": {"type": "boolean", "description": "The near copy is a mirror image."},
            "inverted": {"type": "boolean", "description": "The near copy has inverted colours."},
            "covered": {
                "enum": [c.value for c in Covered],
                "description": "How much of the registered picture the near copy shows: less than a quarter, "
                "less than three quarters, or more.",
            },
        },
        optional=("mirrored", "inverted", "covered"),
    ),
    "Error": _ERROR,
    "AsOf": _object(
        {
            "log_index": {"type": "integer", "minimum": -1, "description": "-1: the log is empty."},
            "time": _TIME,
        },
        description="The moment of the declarations log that the answer speaks of.",
    ),
    "Signals": _SIGNALS,
    "Query": _QUERY,
    "LookupRequest": {
        "oneOf": [
            _object({"queries": {"type": "array", "items": ref("Query"), "minItems": 1}}),
            _object({"urls": {"type": "array", "items": _text(maxLength=8192), "minItems": 1}}),
        ]
    },
    "Checked": _CHECKED,
    "Failed": _FAILED,
    "LookupAnswer": {"oneOf": [ref("AllAnswers"), ref("Hits")]},
    "AllAnswers": _object(
        {
            "as_of": ref("AsOf"),
            "index_version": _INDEX_VERSION,
            "results": {"type": "array", "items": {"oneOf": [ref("Checked"), ref("Failed")]}},
        },
        description="One result for each query, in the same order.",
    ),
    "Hits": _object(
        {
            "as_of": ref("AsOf"),
            "index_version": _INDEX_VERSION,
            "queries": {"type": "integer", "description": "How many were asked."},
            "outcomes": {
                "type": "array",
                "items": ref("Uses"),
                "description": "The combinations that occur.",
            },
            "hits": _object(
                {
                    "row": _numbers("Queries about which something is said, by number from 0."),
                    "outcome": _numbers("Of each of them: which of `outcomes`."),
                    "source": {
                        "type": "array",
                        "items": _text(),
                        "description": "Of each: the statement that weighs most, or the standard of a signal "
                        "that weighs more.",
                    },
                    "disputed": _numbers("The queries whose answer is disputed."),
                }
            ),
            "blocked": _numbers("The queries whose host's robots.txt does not let your crawler in."),
            "failed": _object(
                {
                    "row": _numbers("Queries that could not be answered: neither unknown nor allow."),
                    "code": {"type": "array", "items": _text(), "description": "Of each: why."},
                }
            ),
        },
        description=(
            "`answers=hits`. A query in neither list was looked up and nothing is said: no permission."
        ),
    ),
    "StatusAnswer": _object({"as_of": ref("AsOf"), **_CHECKED["properties"]}),
    "KitPiece": _object(
        {
            "id": _text(),
            "file": _text("Its path in the archive."),
            "content": _text(),
            "words": {"type": "object", "description": "Where it goes, what it means, who honours it."},
        }
    ),
    "Diagnosis": _object(
        {
            "url": _text("That answered."),
            "at": _TIME,
            "kind": {"enum": ["picture", "page"]},
            "asked": {"type": "array", "items": {"type": "object"}},
            "uses": ref("Uses"),
            "access": {"enum": [a.value for a in Access]},
            "signals": {"type": "array", "items": {"type": "object"}},
            "clients": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "crawlers": {"type": "object", "additionalProperties": {"enum": [a.value for a in Access]}},
            "findings": {"type": "array", "items": {"type": "object"}},
        },
        description="What machines see at one address.",
    ),
    "Job": _JOB,
    "JobList": _object({"jobs": {"type": "array", "items": ref("Job"), "maxItems": 100}}),
    "ContactRequest": _object(
        {
            "statement": _text("From the reasons or hits of a lookup.", pattern="^stm_[a-z2-7]{26}$"),
            "message": _text("Plain text; lines end with \\n.", maxLength=4000, minLength=1),
            "reply_to": _text("Where you can be answered.", format="email"),
        }
    ),
    "Contact": _object({"id": _text(pattern="^inq_[a-z2-7]{26}$")}),
    "GrantList": _object(
        {
            "grants": {
                "type": "array",
                "maxItems": 1000,
                "items": _object(
                    {
                        "id": _text(pattern="^grt_[a-z2-7]{26}$"),
                        "uses": {"type": "array", "items": {"enum": [use.value for use in UsageCategory]}},
                        "expires_at": _TIME,
                    }
                ),
            }
        }
    ),
    "Receipt": _RECEIPT,
    "SnapshotFile": _object(
        {
            "version": {"type": "integer", "description": "In unix seconds; only goes up."},
            "since": {"type": "integer", "description": "The version that a delta starts from; 0: a base."},
            "url": _text("On this host."),
            "bytes": {"type": "integer", "minimum": 1},
            "sha256": _text("Of the file.", pattern="^[0-9a-f]{64}$"),
        }
    ),
    "SnapshotList": _object(
        {
            "version": {"type": "integer", "description": "The newest."},
            "created": _TIME,
            "expires": _TIME,
            "log_index": {"type": "integer", "minimum": -1},
            "prefixes": {"type": "integer", "minimum": 0},
            "base": _nullable(ref("SnapshotFile")),
            "deltas": {"type": "array", "items": ref("SnapshotFile")},
            "public_keys": {"type": "array", "items": ref("PublicKey"), "minItems": 1},
            "confirm": _object(
                {"bits": {"type": "integer"}, "prefixes": {"type": "integer"}},
                description="The length of a prefix for /v1/confirm, and how many a call takes.",
            ),
        }
    ),
    "PublicKey": _object(
        {
            "id": _text(pattern="^[0-9a-f]{16}$"),
            "algorithm": {"const": "ed25519"},
            "public_key": _text("32 bytes, base64.", contentEncoding="base64"),
        }
    ),
    "ConfirmRequest": _object(
        {
            "prefixes": {
                "type": "array",
                "items": _text(
                    "The first bits of a key's probe, as a number in hex.", pattern="^[0-9a-f]{1,8}$"
                ),
                "minItems": 1,
                "maxItems": MAX_PREFIXES,
            },
            "bits": {"type": "integer", "minimum": 0, "maximum": MAX_BITS},
        }
    ),
    "ConfirmAnswer": _object(
        {
            "as_of": ref("AsOf"),
            "index_version": {"type": "integer"},
            "bits": {"type": "integer"},
            "ranges": {"type": "array", "items": ref("Range")},
        }
    ),
    "Range": _object(
        {
            "prefix": _text(),
            "keys": _text("Packed keys of 16 bytes, one after the other, base64.", contentEncoding="base64"),
            "codes": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 255},
                "description": "For each key, base 3, train_gen first: 1 conditional, 2 deny; 255: ask.",
            },
            "sources": {
                "type": "array",
                "items": {"type": "array", "items": _text()},
                "description": "The statements about each key.",
            },
            "error": _nullable(_text("Why the range is not answered: hold its pictures back.")),
        },
        description="All keys in the range that something is said of.",
    ),
    "Consent": _object(
        {
            "text_sha256": _text("Of the text that the person agreed to.", pattern="^[0-9a-f]{64}$"),
            "url": _text("Where that text stands.", maxLength=8192),
            "at": _TIME,
            "how": {"enum": sorted(HOW), "description": "An act of its own; terms of service are none."},
        },
        optional=("text_sha256", "url"),
        description="What the person agreed to (one of text_sha256 and url), when and how.",
    ),
    "MandateRequest": _object(
        {
            "reference": _text("Your own name for that user.", minLength=1, maxLength=200),
            "consent": ref("Consent"),
            "kinds": _KINDS,
            "expires_at": _TIME,
        },
        optional=("kinds",),
    ),
    "Mandate": _object(
        {
            "id": _text(pattern="^mnd_[a-z2-7]{26}$"),
            "reference": _text("Your own name for that user."),
            "state": {"enum": ["open", "expired", "ended"]},
            "kinds": _KINDS,
            "consent": ref("Consent"),
            "created_at": _TIME,
            "expires_at": _TIME,
            "ended_at": _nullable(_TIME),
        }
    ),
    "Handover": _object({"code": _text("Shown once."), "expires_at": _TIME}),
    "Item": {
        "oneOf": [_object({kind: _text(words, maxLength=8192)}) for kind, words in _ITEMS.items()],
        "description": "One place or file.",
    },
    "RegistrationRequest": _object(
        {
            "mandate": _text(pattern="^mnd_[a-z2-7]{26}$"),
            "preset": {"enum": [*PRESETS], "description": "Or `preferences`."},
            "preferences": {
                "type": "object",
                "additionalProperties": {"enum": [*(p.value for p in Preference), "unset"]},
                "description": "Use to preference. For others: deny or conditional.",
            },
            "items": {"type": "array", "items": ref("Item"), "minItems": 1, "maxItems": 1000},
        },
        optional=("preset", "preferences"),
    ),
    "RegistrationAnswer": _object(
        {
            "mandate": _text(),
            "results": {
                "type": "array",
                "items": {
                    "oneOf": [
                        _object(
                            {
                                "id": _text("Of the place or the work."),
                                "statement": _text("In force from its log entry on."),
                                "state": {
                                    "enum": ["registered", "known"],
                                    "description": "known: the same was said before.",
                                },
                            }
                        ),
                        _object({"error": ref("Error")}),
                    ]
                },
            },
        }
    ),
    "Problem": _object(
        {
            "type": _text("`urn:holdout:problem:` and the code."),
            "title": _text(),
            "status": {"type": "integer"},
            "code": _text("Stable; decide by this."),
            "detail": _text("For a person: what to do."),
        },
        description="RFC 9457.",
    ),
}
