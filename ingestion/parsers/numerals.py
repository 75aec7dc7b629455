"""Numbers as lists are counted with them: letters, Roman, Chinese."""

_MOST_LETTERS = 4
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_DIGITS = "零一二三四五六七八九"


def doubled(number: int) -> str:
    """a to z, then aa, bb, cc, as Word counts; the number itself where there are no letters for it."""
    return chr(97 + (number - 1) % 26) * min((number - 1) // 26 + 1, _MOST_LETTERS) if number > 0 else str(number)


def letters(number: int) -> str:
    """a to z, then aa, ab, ac, as web pages count; the number itself where there are no letters for it."""
    written, rest = "", number
    while rest > 0:
        rest, letter = divmod(rest - 1, 26)
        written = chr(97 + letter) + written
    return written or str(number)


def roman(number: int) -> str:
    """In small letters; the number itself where Roman numerals have none for it."""
    if not 0 < number < 4000:
        return str(number)
    written, rest = "", number
    for value, sign in _ROMAN:
        count, rest = divmod(rest, value)
        written += sign * count
    return written


def chinese(number: int) -> str:
    """As it is spoken, 一百零五; the number itself where that is not 1 to 9999."""
    if not 0 < number < 10_000:
        return str(number)
    written = ""
    for value, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // value % 10
        if digit:
            written += _DIGITS[digit] + unit
        elif written and number % value and not written.endswith("零"):
            written += "零"
    return written.removeprefix("一") if 10 <= number < 20 else written
