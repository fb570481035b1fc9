"""The operations of /v1 for the OpenAPI document, one decorator each."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)

from api.v1 import examples
from api.v1.schemas import Schema, ref
from holdout.vocabulary import PRESETS

_REFUSALS: Final = {
    401: "The key is missing, unknown or revoked.",
    403: "Not with this key: it is of the other side, or was not vetted for it, or it is another's own act.",
    404: "There is no such thing, or it is another organisation's.",
    406: "No answer is written in what Accept asks for.",
    409: "It contradicts what stands.",
    410: "It is gone; something else replaces it.",
    411: "Send a Content-Length.",
    413: "The body is larger than the call takes.",
    415: "The body is of a kind that the call does not read.",
    422: "What was sent cannot be read.",
    429: "The quota is spent; wait for Retry-After.",
    503: "It cannot be answered now; wait for Retry-After. Nothing was done.",
}
_Location = Literal["query", "path", "header"]
_BINARY: Final = {"type": "string", "format": "binary"}
_PARQUET: Final = "application/vnd.apache.parquet"


def _responses(
    status: int | tuple[int, str],
    schema: Schema,
    shown: Sequence[OpenApiExample],
    description: str,
    *refusals: int,
) -> dict[Any, Any]:
    problems = {
        (refused, "application/problem+json"): OpenApiResponse(ref("Problem"), _REFUSALS[refused])
        for refused in (*refusals, 406, 429, 503)
    }
    return {status: OpenApiResponse(schema, description, examples=list(shown)), **problems}


def _parameter(
    name: str, description: str, *, location: _Location = "query", **more: Any
) -> OpenApiParameter:
    schema = {"type": "string", **more.pop("schema", {})}
    return OpenApiParameter(name, schema, location, description=description, **more)


_JOB_ID: Final = _parameter(
    "job_id",
    "The job's id.",
    location="path",
    schema={"pattern": "^job_[a-z2-7]{26}$"},
    examples=[OpenApiExample("a job", value=examples.JOB_ID)],
)

_IDEMPOTENCY_KEY: Final = _parameter(
    "Idempotency-Key",
    "Of your choice, kept for 24 hours: the same request under the same key is answered again, "
    "not executed again.",
    location="header",
    schema={"minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
)

look_up = extend_schema(
    operation_id="look_up",
    summary="Screen up to 10,000 pictures now",
    description=(
        "By URL, file digest, perceptual code, fingerprints (of at most 64 pictures), bytes (at most 16 "
        "pictures), or any mix of them; as JSON, as a URL or a JSON query a line, or as up to 100,000 packed "
        "keys of 16 bytes. "
        "`Content-Encoding: gzip` is taken."
    ),
    parameters=[
        _parameter(
            "answers",
            "`all`: a result for every query. `hits`: in columns, only those about which something is said "
            "and those that failed.",
            schema={"enum": ["all", "hits"], "default": "all"},
        )
    ],
    request={
        "application/json": OpenApiRequest(ref("LookupRequest"), examples=examples.LOOKUP_ASKED),
        "text/plain": OpenApiRequest({"type": "string"}, examples=examples.LINES_ASKED),
        "application/x-ndjson": OpenApiRequest({"type": "string"}),
        "application/vnd.holdout.keys": OpenApiRequest(_BINARY),
    },
    responses=_responses(
        200, ref("LookupAnswer"), examples.LOOKUP_ANSWERED, "The answers.", 401, 403, 411, 413, 415, 422
    ),
)
status = extend_schema(
    operation_id="status",
    summary="The consent status of one picture, for anybody",
    description="By `url` or `sha256` or both. Public, cookieless, open to every origin.",
    auth=[],
    parameters=[
        _parameter(
            "url",
            "Where it stands.",
            examples=[
                OpenApiExample("a picture that says No AI", value="https://artist.example/harbour.jpg")
            ],
        ),
        _parameter("sha256", "Of the file, 64 hex digits.", schema={"pattern": "^[0-9a-fA-F]{64}$"}),
    ],
    responses=_responses(200, ref("StatusAnswer"), examples.STATUS_ANSWERED, "What was found.", 422),
)
kit = extend_schema(
    operation_id="kit",
    summary="What a site can put in place, from one choice",
    description="robots.txt, headers, meta elements, licences and words for people. Public and stateless.",
    auth=[],
    parameters=[
        _parameter("preset", "What is said.", schema={"enum": [*PRESETS], "default": "no-ai"}),
        _parameter(
            "site",
            "Any address of the site.",
            required=True,
            examples=[OpenApiExample("an artist's portfolio", value="https://artist.example/")],
        ),
        _parameter("name", "Under which its maker is known."),
        _parameter("number", "Registration number."),
        _parameter("statement", "Where the registration can be looked at."),
        _parameter("contact", "Where a licence can be asked for."),
        _parameter("format", "`zip`: all files in an archive.", schema={"enum": ["json", "zip"]}),
    ],
    responses=_responses(200, {"type": "array", "items": ref("KitPiece")}, (), "The files.", 422),
)
doctor = extend_schema(
    operation_id="doctor",
    summary="A site as machines see it",
    description="Asks the host of a picture or page for what it says, and tells what contradicts itself.",
    parameters=[
        _parameter(
            "url",
            "A picture or a page.",
            required=True,
            examples=[OpenApiExample("a picture", value="https://artist.example/harbour.jpg")],
        ),
        _parameter("agent", "Read it as this crawler does: its product token."),
    ],
    responses=_responses(200, ref("Diagnosis"), (), "What was found.", 401, 422),
)
submit_job = extend_schema(
    operation_id="submit_job",
    summary="Screen a file of up to millions of rows",
    description=(
        "The file is the body: Parquet, CSV, a JSON object a line, or a URL a line. Poll the job; then fetch "
        "its result and receipt."
    ),
    parameters=[
        _parameter(
            "answers",
            "`all`: every row is in the result. `hits`: only those about which something is said and those "
            "that failed, with their number in `holdout_row`.",
            schema={"enum": ["all", "hits"], "default": "all"},
        ),
        _parameter(
            "url_column", "The column that holds URLs, if it is not `url`.", schema={"maxLength": 200}
        ),
        _parameter(
            "sha256_column",
            "The column that holds digests, if it is not `sha256`.",
            schema={"maxLength": 200},
        ),
        _parameter(
            "page_url_column",
            "The column that says on which page a picture was found, if it is not `page_url`.",
            schema={"maxLength": 200},
        ),
        _parameter(
            "phash_column",
            "The column that holds `phash-256/1` codes in hex, if it is not `phash`.",
            schema={"maxLength": 200},
        ),
        _parameter(
            "fingerprints_column",
            "The column that holds all fingerprints of a picture, as bytes (Parquet) or in base64, if it is "
            "not `fingerprints`. The result leaves it out.",
            schema={"maxLength": 200},
        ),
        _IDEMPOTENCY_KEY,
    ],
    request={
        "text/csv": OpenApiRequest(_BINARY, examples=examples.JOB_ASKED),
        _PARQUET: OpenApiRequest(_BINARY),
        "application/x-ndjson": OpenApiRequest(_BINARY),
        "text/plain": OpenApiRequest(_BINARY),
    },
    responses=_responses(
        202,
        ref("Job"),
        examples.JOB_ACCEPTED,
        "Accepted; Location names it.",
        *(401, 403, 409, 411, 413, 415, 422),
    ),
)
list_jobs = extend_schema(
    operation_id="list_jobs",
    summary="Your last 100 jobs, newest first",
    responses=_responses(200, ref("JobList"), examples.JOBS_LISTED, "Your jobs.", 401, 403),
)
job = extend_schema(
    operation_id="job",
    summary="How far a job is",
    parameters=[_JOB_ID],
    responses=_responses(200, ref("Job"), examples.JOB_DONE, "The job.", 401, 403, 404),
)
cancel_job = extend_schema(
    operation_id="cancel_job",
    summary="Stop a job that has not ended",
    parameters=[_JOB_ID],
    responses=_responses(200, ref("Job"), examples.JOB_CANCELLED, "The job, cancelled.", 401, 403, 404, 409),
)
resume_job = extend_schema(
    operation_id="resume_job",
    summary="Go on with a job that was cancelled or failed",
    description="What is done stays done. Possible as long as the upload is kept (7 days).",
    parameters=[_JOB_ID],
    request=None,
    responses=_responses(200, ref("Job"), (), "The job, running again.", 401, 403, 404, 409),
)
job_result = extend_schema(
    operation_id="job_result",
    summary="The rows and columns of the upload with the answer's columns",
    parameters=[_JOB_ID],
    responses=_responses((200, _PARQUET), _BINARY, (), "A Parquet file.", 401, 403, 404, 409),
)
job_receipt = extend_schema(
    operation_id="job_receipt",
    summary="Proof of what was asked and answered",
    parameters=[_JOB_ID],
    responses=_responses(200, ref("Receipt"), examples.JOB_RECEIPT, "The receipt.", 401, 403, 404, 409),
)

_SNAPSHOT: Final = "application/vnd.holdout.snapshot"
_VERSION: Final = _parameter(
    "version",
    "A version of the snapshot, as the list has it.",
    location="path",
    schema={"type": "integer", "minimum": 0, "maximum": 999_999_999_999},
    examples=[OpenApiExample("a version", value=examples.VERSION)],
)

list_snapshots = extend_schema(
    operation_id="list_snapshots",
    summary="The newest snapshot, and how to get it",
    description="Fetch the base once, then the delta from your version to the newest, every hour or so.",
    responses=_responses(
        200, ref("SnapshotList"), examples.SNAPSHOTS_LISTED, "What can be fetched.", 401, 403, 404
    ),
)
snapshot = extend_schema(
    operation_id="snapshot",
    summary="A base: the whole state",
    parameters=[_VERSION],
    responses=_responses((200, _SNAPSHOT), _BINARY, (), "A snapshot file.", 401, 403, 404),
)
snapshot_delta = extend_schema(
    operation_id="snapshot_delta",
    summary="What leads from a version to the newest",
    parameters=[_VERSION],
    responses={
        **_responses((200, _SNAPSHOT), _BINARY, (), "A snapshot file.", 401, 403, 404, 410),
        204: OpenApiResponse(None, "That is the newest version."),
    },
)
confirm = extend_schema(
    operation_id="confirm",
    summary="What is said of all keys in some ranges",
    description=(
        "For what a snapshot found, without telling which key is meant: send the first bits of every key of "
        "your URLs, and look for your keys in the answer. At most 256 prefixes a call."
    ),
    request={"application/json": OpenApiRequest(ref("ConfirmRequest"), examples=examples.CONFIRM_ASKED)},
    responses=_responses(
        200,
        ref("ConfirmAnswer"),
        examples.CONFIRM_ANSWERED,
        "One range a prefix.",
        *(401, 403, 404, 411, 413, 415, 422),
    ),
)

_MANDATE_ID: Final = _parameter(
    "mandate_id",
    "The mandate's id.",
    location="path",
    schema={"pattern": "^mnd_[a-z2-7]{26}$"},
    examples=[OpenApiExample("a mandate", value=examples.MANDATE_ID)],
)

give_mandate = extend_schema(
    operation_id="give_mandate",
    summary="Say that a person lets you speak for them",
    description=(
        "For platforms and collecting societies that were vetted for it. It takes consent that was an act of "
        "its own: signed, by a form, or in person; terms of service alone are none. It is logged."
    ),
    request={"application/json": OpenApiRequest(ref("MandateRequest"), examples=examples.MANDATE_ASKED)},
    responses=_responses(
        201,
        ref("Mandate"),
        examples.MANDATE_GIVEN,
        "Given; Location names it.",
        *(401, 403, 409, 411, 413, 415, 422),
    ),
)
mandate = extend_schema(
    operation_id="mandate",
    summary="One of your mandates",
    parameters=[_MANDATE_ID],
    responses=_responses(200, ref("Mandate"), examples.MANDATE_GIVEN, "The mandate.", 401, 403, 404),
)
end_mandate = extend_schema(
    operation_id="end_mandate",
    summary="End a mandate",
    description="Nothing new can be said under it. What was said stands: no restriction vanishes.",
    parameters=[_MANDATE_ID],
    request=None,
    responses=_responses(200, ref("Mandate"), examples.MANDATE_ENDED, "The mandate, ended.", 401, 403, 404),
)
hand_over = extend_schema(
    operation_id="hand_over",
    summary="A code with which the person takes over",
    description=(
        "Give it to the person: who signs in and enters it at `/handover` gets all that was registered "
        "for them, and can change, permit and withdraw. It is shown once and good for 30 days; a new one "
        "replaces it. Of an ended mandate too."
    ),
    parameters=[_MANDATE_ID],
    request=None,
    responses=_responses(201, ref("Handover"), examples.HANDOVER_OFFERED, "The code.", 401, 403, 404),
)
register = extend_schema(
    operation_id="register",
    summary="Register up to 1,000 places and files for a person",
    description=(
        "The same is said of each. For others one may only restrict: what would permit, loosen or withdraw "
        "anything is refused whole (`own_act_needed`), and so is what the mandate does not cover. An item "
        "that cannot be read fails alone."
    ),
    parameters=[_IDEMPOTENCY_KEY],
    request={
        "application/json": OpenApiRequest(ref("RegistrationRequest"), examples=examples.REGISTRATION_ASKED)
    },
    responses=_responses(
        200,
        ref("RegistrationAnswer"),
        examples.REGISTERED,
        "One result an item, in their order.",
        *(401, 403, 404, 409, 411, 413, 415, 422),
    ),
)
list_grants = extend_schema(
    operation_id="list_grants",
    summary="What you are permitted now, newest first",
    description=(
        "At most 1,000. Who gave it is not told; where it changes an answer, a reason with the method "
        "`grant` names it."
    ),
    responses=_responses(200, ref("GrantList"), examples.GRANTS_LISTED, "Your grants.", 401, 403),
)
contact = extend_schema(
    operation_id="contact",
    summary="Write to whoever made a statement",
    description=(
        "About a statement that a lookup of yours was told of; others are not found. Who made it is not "
        "told, and neither is whether they want to be written to: they answer to `reply_to`, or do not. At "
        "most 20 messages in 24 hours, and one about a statement in seven days (`inquiry_limit`)."
    ),
    request={"application/json": OpenApiRequest(ref("ContactRequest"), examples=examples.CONTACT_ASKED)},
    responses=_responses(
        202,
        ref("Contact"),
        examples.CONTACT_STORED,
        "Stored.",
        *(401, 403, 404, 411, 413, 415, 422),
    ),
)
grant = extend_schema(
    operation_id="grant",
    summary="Permit something: never with an organisation's key",
    description="Only the person permits, by their own act. Every key is answered `own_act_needed`.",
    request=None,
    responses={
        (status, "application/problem+json"): OpenApiResponse(ref("Problem"), _REFUSALS[status])
        for status in (403, 401, 406, 429, 503)
    },
)
