"""Chinese in one script: a question in Traditional characters finds a text in Simplified ones, and the reverse."""

import re
from collections.abc import Callable
from typing import cast

from opencc import OpenCC

HAN_SIGNS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # within the brackets of a pattern
_HAN_RUN = re.compile(f"[{HAN_SIGNS}]+")
# By words where a character alone has two forms: 乾隆 stays, 乾淨 becomes 干净.
_TO_SIMPLIFIED = cast("Callable[[str], str]", OpenCC("t2s").convert)


def simplified(text: str) -> str:
    """The text with Chinese in Simplified characters, each in its old place; all else is as it was."""
    return text if text.isascii() else _HAN_RUN.sub(_converted, text)


def _converted(run: re.Match[str]) -> str:
    written = run[0]
    converted = _TO_SIMPLIFIED(written)
    # No word of OpenCC's changes its length; if one ever does, quotes would move, and so it is left as it was written.
    return converted if len(converted) == len(written) else written
