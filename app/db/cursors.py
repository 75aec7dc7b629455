"""Where a list's next page begins, as text that an address can hold; what no page gave is refused, not an end.

A cursor that is merely compared with ids would make an empty page of one of another list or another order, and a
client would take that for the list's end.
"""

import base64
import re
from functools import cache

from app.db.errors import InvalidCursor
from app.db.ids import ALPHABET, LENGTH


def is_id(text: str, prefix: str) -> bool:
    """Whether `new_id` could have made it under this prefix."""
    return _ids(prefix).fullmatch(text) is not None


def after_id(cursor: str, prefix: str, of: str) -> str:
    """The id that the page before ended with. Raises InvalidCursor."""
    if not is_id(cursor, prefix):
        raise not_of(cursor, of)
    return cursor


def after_number(cursor: str, of: str) -> int:
    """The number that the page before ended with. Raises InvalidCursor."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise not_of(cursor, of)
    return int(cursor)


def of_text(text: str) -> str:
    """A cursor that holds any text."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def text_in(cursor: str, of: str) -> str:
    """The text that `of_text` was given, or one like it. Raises InvalidCursor."""
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise not_of(cursor, of) from error
    if not text:
        raise not_of(cursor, of)
    return text


def not_of(cursor: str, of: str) -> InvalidCursor:
    """What to raise for a cursor that no page of the list gave."""
    return InvalidCursor(f"{cursor!r} is not the cursor of a page of {of}: take the next_cursor of one")


@cache
def _ids(prefix: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(prefix)}_[{ALPHABET}]{{{LENGTH}}}")
