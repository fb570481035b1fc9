"""What a format tells the screening about its rows."""

from typing import Final

MALFORMED: Final = "holdout_row_is_malformed"
"""Extra boolean column: the row is none that this upload can have. A piece that has it came as lines of text,
and its other columns are bytes, since a line need not be UTF-8."""
