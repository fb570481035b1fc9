"""The one error family of Holdout.

Every refusal that a caller can meet is a `HoldoutError` with a stable `code`. The server renders them as
RFC 9457 problem documents in one place (`api/problems.py`); bulk answers carry them per query. No error
is ever an "allow".

    HoldoutError
    |-- InvalidInput          what was sent cannot be read; sending it again will not help
    |   |-- UnreadablePicture the bytes are not a picture that we decode
    |   |-- SnapshotRefused   a snapshot that nobody may screen with (`holdout/snapshot/`)
    |   `-- FetchRefused      an address on the web that we do not go to
    |-- NotPermitted          the proof that the caller holds does not reach that far
    |-- NotFound
    |-- Conflict              contradicts what already stands
    |-- LimitReached          too much for today
    |-- Unavailable           cannot be answered now; try again later
    |   `-- FetchFailed       what stands at an address on the web could not be had whole
    `-- ClientError           a registry was asked and gave no answer that counts (`holdout/client/`)
        |-- RequestRefused    it says no; sending the same again will not help
        |-- RegistryAway      it could not be reached, or kept saying "later", until patience ended
        `-- AnswerUnusable    what came back does not answer what was asked
"""

from typing import Any, ClassVar


class HoldoutError(Exception):
    """Base of the family.

    `code` is stable and machine-readable (snake_case); `detail` is for a person and says what to do.
    """

    http_status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.detail)


class InvalidInput(HoldoutError):
    """What was sent cannot be read; sending the same again will not help."""

    http_status = 422


class UnreadablePicture(InvalidInput):
    """The bytes are not a picture that we decode (format, size, damage)."""


class SnapshotRefused(InvalidInput):
    """A snapshot that nobody may screen with: not signed, damaged, expired, older than one seen before."""


class FetchRefused(InvalidInput):
    """An address on the web, as given or as redirected to, that we do not go to (`holdout/fetch/`)."""


class NotPermitted(HoldoutError):
    """The proof that the caller holds does not reach that far."""

    http_status = 403


class NotFound(HoldoutError):
    """There is no such thing, or it is not the caller's to see."""

    http_status = 404


class Conflict(HoldoutError):
    """Contradicts what already stands."""

    http_status = 409


class LimitReached(HoldoutError):
    """More than the caller may do in a day; tomorrow it is possible."""

    http_status = 429


class Unavailable(HoldoutError):
    """Cannot be answered now; the same request may succeed later."""

    http_status = 503
    retry_after_seconds: ClassVar[int] = 5


class FetchFailed(Unavailable):
    """What stands at an address on the web could not be had whole, which says nothing about what it is."""


class ClientError(HoldoutError):
    """A registry was asked and gave no answer that counts: nothing was learnt, so nothing is permitted."""

    http_status = 502


class RequestRefused(ClientError):
    """The registry says no, with its own code; `status` is that of its answer."""

    def __init__(self, code: str, detail: str, status: int = 0) -> None:
        super().__init__(code, detail)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.detail, self.status)


class RegistryAway(ClientError):
    """The registry could not be reached, or kept saying "later", until the client's patience ended."""


class AnswerUnusable(ClientError):
    """What came back is damaged, short, or about something else; nothing of it is believed."""
