"""The parameters of a question that is asked by a URL."""

from collections.abc import Mapping, Sequence

from holdout.errors import InvalidInput


def refuse_what_would_go_unasked(given: Mapping[str, Sequence[str]], known: Sequence[str]) -> None:
    """Raise `InvalidInput` (`parameter_unknown`) for a parameter that nobody knows, or that came twice.

    An address whose & was not escaped arrives as a shorter address and such parameters: its answer would be
    about something else.
    """
    if given.keys() - set(known) or any(len(values) > 1 for values in given.values()):
        names = " and ".join(known)
        raise InvalidInput(
            "parameter_unknown", f"Give {names} once, percent-encoded, and no other parameter."
        )
