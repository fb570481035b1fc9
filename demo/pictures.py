"""The pictures of the demonstration, freely licensed (`pictures/SOURCES.md`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "pictures"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the repository carries, and the preset under which it is registered."""

    name: str
    title: str
    preset: str = "no-ai"

    def read(self) -> bytes:
        return (FOLDER / f"{self.name}.jpg").read_bytes()


_REGISTERED: Final = (
    Picture("cat", "Chelsea the cat"),
    Picture("coffee", "Cup of coffee"),
    Picture("deep-field", "Hubble eXtreme Deep Field", "no-generative-ai"),
    Picture("harp", "Classical Harp"),
    Picture("butterfly", "Farfalla"),
    Picture("elephant", "Elefante"),
    Picture("flowers", "Flowers", "licence-first"),
    Picture("autumn-tree", "Fall Coloured Tree"),
    Picture("books", "Stack of Books, Taller", "no-generative-ai"),
    Picture("tiger", "Tigre"),
    Picture("library", "Carnegie Library Building"),
    Picture("water-skier", "Slalom Water Skier"),
)
_STRANGERS: Final = ("rocket", "gravel", "honeycomb", "corks", "penguins", "breakfast", "bear")


def registered() -> tuple[Picture, ...]:
    """What the creators of the demonstration register."""
    return _REGISTERED


def strangers() -> tuple[Picture, ...]:
    """What nobody registers."""
    return tuple(Picture(name, name) for name in _STRANGERS)
