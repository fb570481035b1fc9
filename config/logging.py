"""How everything is logged: one line a record on stderr, and nothing personal in it.

What a record may say is listed in `FIELDS`; nothing else is written. Of the arguments of a message only
numbers are shown, of an exception only its class, its stable code and where it happened: an address, a key,
a URL or a title can stand in a message or a variable, and then stays there. Our own rooms log constant
sentences with `extra=` for the fields; a test holds them to it. While developing, lines are readable and
whole (`readable=True`), and so not for a public service.
"""

import errno
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

from holdout.errors import HoldoutError

FIELDS: Final = (
    *("timestamp", "level", "event", "logger", "where"),
    *("request_id", "route", "method", "status", "duration_ms", "organization"),
    *("task", "task_id", "job", "step", "kind", "attempt", "rows", "entries", "count", "code", "exception"),
)
"""All that a record can carry, in this order; `docs/howto/operate.md` says what each means."""

_ROOMS: Final = {
    *("accounts", "api", "config", "consent", "demo", "holdout", "ledger", "lookup", "registry", "web"),
}
# granian's own messages name workers and sockets; they are written with their values in place.
_PLAIN_MESSAGES: Final = _ROOMS | {"_granian"}
# Its message is nothing but what is withheld.
_NAMED: Final = {"django.request": "request failed"}
_WITHHELD: Final = "…"
_MOST_PLACES: Final = 30

Fields = Mapping[str, str | int | float]
_of_request: ContextVar[Callable[[], Fields] | None] = ContextVar("fields_of_request", default=None)


@contextmanager
def request_fields(fields: Callable[[], Fields]) -> Iterator[None]:
    """Every record that is written meanwhile carries `fields()`, as they are at that moment."""
    token = _of_request.set(fields)
    try:
        yield
    finally:
        _of_request.reset(token)


def logging_config(*, readable: bool = False) -> dict[str, Any]:
    """Django's LOGGING: JSON lines without personal data, or whole readable lines for one's own machine."""
    through_root = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "config.logging.readable_lines" if readable else "config.logging.json_lines"}
        },
        "filters": {"exceptions": {"()": "config.logging.HasException"}},
        "handlers": {"stderr": {"class": "config.logging.Stderr", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {**through_root, "level": "INFO"},
            # Each request has a record of its own (config.middleware); this adds what was not caught.
            "django.request": {**through_root, "level": "ERROR", "filters": ["exceptions"]},
            "django.server": {**through_root, "level": "ERROR"},
            # Scanners ask for hosts that are not ours all day; the request's own record says 400.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "_granian": {**through_root, "level": "WARNING"},
            "granian.access": {**through_root, "level": "INFO"},
            **{name: {"level": "WARNING"} for name in ("celery", "kombu", "amqp", "httpx", "httpcore")},
        },
    }


class HasException(logging.Filter):
    """Lets only records of exceptions pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


class Stderr(logging.StreamHandler[Any]):
    """A handler whose own failures do not print the record that it failed on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if sys.stderr:
            sys.stderr.write(f'{{"level": "error", "event": "a record of {record.name} was lost"}}\n')


def json_lines() -> logging.Formatter:
    """For production: JSON, nothing personal."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_COMMON, _named_exception],
        processors=[
            _only_fields,
            structlog.processors.JSONRenderer(default=lambda _: _WITHHELD, ensure_ascii=False),
        ],
        use_get_message=False,
        pass_foreign_args=True,
    )


def readable_lines() -> logging.Formatter:
    """For one's own machine: whole messages and tracebacks."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_COMMON),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
            ),
        ],
    )


def _with_request(_logger: object, _method: str, event: EventDict) -> EventDict:
    fields = _of_request.get()
    return event if fields is None else {**fields(), **event}


_COMMON: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    _with_request,
    structlog.stdlib.ExtraAdder(allow=FIELDS),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _named_exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    """`exc_info` -> the chain of exceptions, the one that was seen first."""
    match event.pop("exc_info", None):
        case (_, BaseException() as error, _):
            event["exception"] = [_described(one) for one in _chain(error)]
    return event


def _only_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    room = record.name.partition(".")[0]
    event["event"] = _NAMED.get(record.name) or _sentence(
        record.msg, event["positional_args"], plain=room in _PLAIN_MESSAGES
    )
    if room not in _ROOMS:
        event["where"] = f"{record.module}.{record.funcName}:{record.lineno}"
    return {name: event[name] for name in FIELDS if name in event}


def _sentence(message: object, arguments: Any, *, plain: bool) -> str:
    """The message without what was put into it; a message that may have been put together is withheld."""
    if not arguments:
        return str(message) if plain else _WITHHELD
    if isinstance(arguments, Mapping):
        shown: Any = {name: _shown(argument) for name, argument in arguments.items()}
    else:
        shown = tuple(_shown(argument) for argument in arguments)
    try:
        sentence: str = str(message) % shown
    except (TypeError, ValueError, KeyError):
        return _WITHHELD
    return sentence


def _shown(argument: object) -> object:
    if isinstance(argument, BaseException):
        return _name(argument)
    return argument if isinstance(argument, int | float) else _WITHHELD


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _described(error: BaseException) -> str:
    places = list(_places(error.__traceback__))[-_MOST_PLACES:]
    return f"{_name(error)} {' > '.join(places)}".rstrip()


def _name(error: BaseException) -> str:
    """The class, with the code that says more and is nobody's: ours, PostgreSQL's, the system's."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, HoldoutError):
        code: str | None = error.code
    elif isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0)
    else:
        code = getattr(error, "sqlstate", None)
    return f"{name}[{code}]" if isinstance(code, str) else name


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
