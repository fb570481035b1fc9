"""Who can be asked: `holdout.client.Client` is one, `holdout.offline.SnapshotSource` another."""

from typing import Any, Protocol, runtime_checkable

from holdout.answers import Answers
from holdout.errors import AnswerUnusable
from holdout.questions import Questions


@runtime_checkable
class Source(Protocol):
    """Whoever answers batches of questions; an answer for each row, or an error for the whole batch."""

    def ask(self, questions: Questions, /) -> Answers: ...

    def record(self) -> dict[str, Any]:
        """What it is, for the file of evidence."""
        ...


def answered(source: Source, asked: Questions) -> Answers:
    """What `source` says. Raises what it raises, and `AnswerUnusable` where rows are missing or too many."""
    answers = source.ask(asked)
    if answers.rows != asked.rows:
        raise AnswerUnusable(
            "answer_unusable", f"{answers.rows} answers to {asked.rows} questions. Nothing of it counts."
        )
    return answers
