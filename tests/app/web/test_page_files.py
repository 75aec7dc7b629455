"""The page's own files: both languages whole, colours with contrast, every module named, light to load."""

import json
import re
from pathlib import Path

import pytest

from app.api import problems
from app.db import errors as db
from ingestion import errors as ingestion

WEB = Path("app/web")
HAN = re.compile(r"[\u4e00-\u9fff]")
BYTES_MAX = 120_000
"""What the first view may weigh, unpacked."""
LATER_BYTES_MAX = 93_000
"""What all of the administrator's views may weigh with the words of one language, which are loaded when visited."""
WORDS = re.compile(r'^  ("[^"]+"): ("(?:[^"\\]|\\.)*"),$', re.MULTILINE)
TEXT_ON = (
    ("ink", "paper sheet sunk marker"),
    ("soft", "paper sheet sunk"),
    ("accent", "paper sheet accent-sunk"),
    ("on-accent", "accent"),
    ("good", "paper sheet"),
    ("busy", "paper sheet"),
    ("bad", "paper sheet bad-sunk"),
    ("on-bad", "bad"),
)
"""Which colour of text stands on which grounds."""


def said(language: str) -> dict[str, str]:
    """The words of a language by their keys."""
    return of_everyone(language) | of_administrators(language)


def of_everyone(language: str) -> dict[str, str]:
    return written(WEB / "strings" / f"{language}.js")


def of_administrators(language: str) -> dict[str, str]:
    return written(WEB / "strings" / f"admin.{language}.js")


def written(path: Path) -> dict[str, str]:
    text = path.read_text()
    found = {json.loads(key): json.loads(words) for key, words in WORDS.findall(text)}
    assert len(found) == sum(line.startswith('  "') for line in text.splitlines())
    return found


def slots(words: str) -> list[str]:
    """The {values} that words leave open."""
    return sorted(re.findall(r"\{\w+\}", words))


def test_both_languages_have_all_words() -> None:
    english, chinese = said("en"), said("zh")
    assert [list(words("en")) for words in (of_everyone, of_administrators)] == [
        list(words("zh")) for words in (of_everyone, of_administrators)
    ]
    assert [key for key in english if not (english[key] and chinese[key])] == []
    assert [key for key in english if slots(english[key]) != slots(chinese[key])] == []
    assert [key for key, words in chinese.items() if not HAN.search(words)] == ["language"]


FAILURE = re.compile(
    r'(?:Failure\(\s*|^(?:GAVE_UP|WORKER_LOST|UNEXPECTED|CANCELLED): Final = |^    code = )"(\w+)"', re.MULTILINE
)
"""Where the code of a document's failure is written down."""
NEVER_TOLD = {ingestion.NoLongerWanted.code, ingestion.UnknownDocument.code}
"""What no document fails with: the first ends a parse that nobody waits for, the second is a 404."""


def test_each_code_of_a_problem_and_of_a_documents_failure_has_words() -> None:
    kinds = {shape.type for shape in problems.SHAPES.values()} | {
        problems.problem(Exception(), None).body["type"].rpartition(":")[2]
    }
    sources = [path.read_text() for root in ("ingestion", "app/db") for path in sorted(Path(root).rglob("*.py"))]
    failures = {code for text in sources for code in FAILURE.findall(text)} - NEVER_TOLD
    assert {"no_text", "model_unavailable", "worker_lost", db.StorageFull.code, "parse_limit"} <= failures
    assert {code for code in kinds | failures if f"problem.{code}" not in said("en")} == set()


WARNING = re.compile(r'"((?:the|page|some|most|a part) [^"]*(?:no text|not read|read flat|left out)[^"]*)"')
"""Where a sentence is written that warns of what was not read of a document."""
OF_IMAGES = (
    "1 of 2 pages (2) is an image without text and was not read: OPENBOOK_OCR_LANGUAGES=eng, say, has images",
    "2 of 9 pages (3, 7) are images without text and were not read: tesseract does not answer",
    "2 of 9 pages (3, 7) are images without text and were read by OCR",
)


def test_each_warning_of_a_document_has_words() -> None:
    code = (WEB / "admin" / "warnings.js").read_text().replace("(?<", "(?P<")
    [images] = re.findall(r"const IMAGES = /(.*)/\.source", code)
    forms = {key: form for form, key in re.findall(r'^  \[/(.*)/, "(\w+)"\],$', code, re.MULTILINE)}
    forms |= {key: images + form for form, key in re.findall(r'RegExp\(`\$\{IMAGES\}(.*)`\), "(\w+)"', code)}
    assert {f"warning.{key}" for key in forms} == {key for key in said("en") if key.startswith("warning.")}
    sources = "\n".join(path.read_text() for path in sorted(Path("ingestion/parsers").rglob("*.py")))
    sentences = {*(words.replace("{number}", "7") for words in WARNING.findall(sources)), *OF_IMAGES}
    found = {words: [key for key, form in forms.items() if re.search(form, words)] for words in sentences}
    assert {words: keys[:1] for words, keys in found.items() if not keys} == {}
    assert {keys[0] for keys in found.values()} == set(forms)


def test_the_page_uses_each_word_and_misses_none() -> None:
    keys = set(said("en"))
    code = "\n".join(path.read_text() for path in sorted(WEB.rglob("*.js")) if path.parent.name != "strings")
    assert {key for key in keys if f'"{key}"' not in code and f"{key.rpartition('.')[0]}.${{" not in code} == set()
    families = "|".join({key.partition(".")[0] for key in keys if "." in key})
    assert set(re.findall(rf'"((?:{families})\.[a-z0-9.-]+)"', code)) <= keys


def test_what_everyone_sees_needs_no_word_of_the_administrators() -> None:
    mine = [path for path in WEB.rglob("*.js") if path.parent.name not in ("strings", "admin")]
    code = "\n".join(path.read_text() for path in mine)
    theirs = of_administrators("en")
    assert theirs.keys() & of_everyone("en").keys() == set()
    assert {key for key in theirs if f'"{key}"' in code or f"{key.rpartition('.')[0]}.${{" in code} == set()


def tokens() -> dict[str, tuple[str, str]]:
    """The light and the dark colour of each token."""
    text = (WEB / "style" / "tokens.css").read_text()
    return {
        name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", text)
    }


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(theme: int) -> None:
    colours = tokens()
    pairs = [(text, ground) for text, grounds in TEXT_ON for ground in grounds.split()]
    weak = {pair: contrast(colours[pair[0]][theme], colours[pair[1]][theme]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in weak.items() if value < 4.5} == {}
    edges = {ground: contrast(colours["edge"][theme], colours[ground][theme]) for ground in ("paper", "sheet")}
    assert {ground: round(value, 2) for ground, value in edges.items() if value < 3} == {}


def first_view() -> set[str]:
    """The files that the first view loads, beside the words of one language."""
    named: list[str] = re.findall(r'(?:src|href)="/static/([^"]+)"', (WEB / "index.html").read_text())
    return {"index.html", *(name for name in named if not name.startswith("strings/"))}


def test_the_first_view_names_each_of_its_files() -> None:
    mine = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.is_file()}
    everyones = {path for path in mine if not re.search(r"\badmin\b|^strings/", path)}
    assert first_view() == everyones - loaded_when_asked_for()


def loaded_when_asked_for() -> set[str]:
    """The modules that a view of everyone imports only once somebody wants them."""
    views = sorted((WEB / "chat").glob("*.js"))
    return {f"chat/{name}" for view in views for name in re.findall(r'\bimport\("\./([^"]+)"\)', view.read_text())}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_view_is_light(language: str) -> None:
    files = {*first_view(), f"strings/{language}.js"}
    assert sum((WEB / path).stat().st_size for path in files) <= BYTES_MAX


def test_what_administrators_load_later_is_light() -> None:
    later = [path for path in WEB.rglob("*") if path.is_file() and "admin" in path.relative_to(WEB).as_posix()]
    assert sum(path.stat().st_size for path in later if path.name != "admin.zh.js") <= LATER_BYTES_MAX
