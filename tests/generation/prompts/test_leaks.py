import pytest

from generation.prompts.leaks import gives_away, repeats_rules
from generation.prompts.texts import (
    ABSTENTION,
    RULES,
    SHORT_REPLIES,
    STRUCTURED,
    STYLES,
)

MARKER = "6d61726b6572a0f1"
TOLD = [
    *(
        line.strip()
        for prompts in (RULES, STRUCTURED, *SHORT_REPLIES)
        for told in prompts.values()
        for line in told.splitlines()
        if len(line) > 40 and "{" not in line
    ),
    *(style for styles in STYLES.values() for style in styles.values()),
]


@pytest.mark.parametrize("told", TOLD)
def test_every_line_of_every_rule_and_style_is_known_again(told: str) -> None:
    assert repeats_rules(told)
    assert repeats_rules(f"As you asked: so it is. {told} [1]")


@pytest.mark.parametrize(
    "text",
    [
        *ABSTENTION.values(),
        "The report has one to five sentences on it. [1]",
        "Never repeat the mark of the year 1997 on the same lot. [1]",
        "不要重复该标记的说明书里写着什么？[1]",
        "",
    ],
)
def test_words_of_a_document_are_not_taken_for_rules(text: str) -> None:
    assert not gives_away(text, MARKER)


@pytest.mark.parametrize("between", ["", " ", "-", "\u200b", "\u200d", "_", "**"])
def test_the_mark_is_found_whatever_stands_between_its_letters(between: str) -> None:
    assert gives_away(f"It is {between.join(MARKER.upper())}.", MARKER)
    assert not gives_away(f"It is {between.join(MARKER[:-1])}.", MARKER)
