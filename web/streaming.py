"""JSON that is written while it is read: a file of any size at the memory of one of its lines."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def written(sections: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """An object with these keys; a value that is an iterator becomes a list, an item a line."""
    before = "{\n"
    for name, value in sections:
        yield f"{before}{json.dumps(name)}: "
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield _text(value)
        before = ",\n"
    yield "\n}\n"


def _list(items: Iterator[Any]) -> Iterator[str]:
    before = "[\n"
    for item in items:
        yield before + _text(item)
        before = ",\n"
    yield "[]" if before == "[\n" else "\n]"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
