"""Pages that are images get the text that Tesseract reads on them: rendered in the sandbox, recognised one by one."""

import struct
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingestion import parsed_json
from ingestion.errors import ParseError, ParserCrashed
from ingestion.normalize import hyphen_joint, line_joint, one_line
from ingestion.redaction.redaction import redact
from ingestion.sandbox.running_child import Watch
from ingestion.sandbox.sandbox import Sandbox
from ingestion.tesseract import Line, NotRecognised, Paragraph, Tesseract
from ingestion.types import Block, Page, ParsedDocument, PersonalKind
from retrieval.types import Box, Region

_DOTS_PER_INCH = 300  # what Tesseract's manual recommends
_SCALE = _DOTS_PER_INCH / 72
_TIMEOUTS = 30  # that all pages of a file may take together: an hour at the default
_SURE = 50.0  # a page's confidence below which it may stand on its head: right way up it has 80 to 97, else 0 to 20
_WRITING = 30.0  # a line's confidence below which it is no writing
_OFF = (
    "OPENBOOK_OCR_LANGUAGES=eng, say, has images recognised, by Tesseract (Debian's packages tesseract-ocr, "
    "tesseract-ocr-eng, tesseract-ocr-chi-sim, ...)"
)
_NAMED_PAGES = 10  # in one warning
_PNG_SIZE = struct.Struct(">16xI")  # its width


@dataclass(frozen=True, slots=True)
class Ocr:
    """Completes documents; without Tesseract it says what stayed unread."""

    sandbox: Sandbox
    tesseract: Tesseract | None

    def complete(self, content: bytes, parsed: bytes, kinds: Sequence[PersonalKind], watch: Watch) -> bytes:
        """The document, as `parsed_json` writes it, with the text of its image pages, without such personal data.

        Warnings name the pages that were read so, and those that were not, with the reason. `watch` hears of pages, and
        ends it by what it raises.
        """
        if not needs_ocr(parsed):
            return parsed
        try:
            document = parsed_json.load(parsed)
        except ValueError:
            return parsed  # whoever loads it next says so
        return parsed_json.dump(self._completed(content, document, kinds, watch))

    def _completed(
        self, content: bytes, parsed: ParsedDocument, kinds: Sequence[PersonalKind], watch: Watch
    ) -> ParsedDocument:
        written = {region.page for block in parsed.blocks for region in block.regions}  # a second parser's, perhaps
        images = [page for page in parsed.pages if page.textless and page.number not in written]
        read, unread = self._read(content, images, watch) if images else ({}, {})
        counts = Counter(parsed.counts)
        for number, blocks in read.items():
            clean = redact(ParsedDocument("", blocks, (), {}, ()), kinds)
            read[number] = clean.blocks
            counts.update(clean.counts)
        counts["ocr_pages"] = len(read)
        warnings = [f"{_named(pages, parsed)} not read: {reason}" for reason, pages in unread.items()]
        if read:
            warnings.append(f"{_named(list(read), parsed)} read by OCR")
        return replace(
            parsed,
            blocks=tuple(_in_order(parsed.blocks, read)),
            warnings=(*parsed.warnings, *warnings),
            counts=dict(+counts),
        )

    def _read(
        self, content: bytes, images: Sequence[Page], watch: Watch
    ) -> tuple[dict[int, tuple[Block, ...]], dict[str, list[int]]]:
        """The blocks by page, and by reason the pages that were not read."""
        if self.tesseract is None:
            return {}, {_OFF: [page.number for page in images]}
        lacking = self.tesseract.lacks()
        if lacking is not None:
            return {}, {lacking: [page.number for page in images]}
        read: dict[int, tuple[Block, ...]] = {}
        unread: dict[str, list[int]] = {}
        seconds = _TIMEOUTS * self.tesseract.timeout_seconds
        deadline = time.monotonic() + seconds
        for done, page in enumerate(images):
            watch(done, len(images))
            if time.monotonic() > deadline:
                unread.setdefault(f"those before took longer than {seconds:g} s", []).append(page.number)
                continue
            try:
                read[page.number] = tuple(_blocks(*self._upright(self.tesseract, content, page, watch)))
            except (NotRecognised, ParseError, ParserCrashed) as error:
                unread.setdefault(str(error), []).append(page.number)
        return read, unread

    def _upright(
        self, tesseract: Tesseract, content: bytes, page: Page, watch: Watch
    ) -> tuple[list[Paragraph], "_View"]:
        """What the page says, the right way up: Tesseract itself turns only pages that lie on a side."""
        attempts: list[tuple[float, list[Paragraph], _View]] = []
        for rotation in (0, 180):
            png = self.sandbox.picture(content, page.number, _SCALE, rotation, watch)
            paragraphs = tesseract.paragraphs(png, _DOTS_PER_INCH, lambda: watch(None, None))
            confidence = _confidence(line for paragraph in paragraphs for line in paragraph)
            attempts.append((confidence, paragraphs, _View(png, page, turned=rotation == 180)))
            if confidence >= _SURE or not paragraphs:
                break
        _, paragraphs, view = max(attempts, key=lambda attempt: attempt[0])
        return paragraphs, view


def needs_ocr(parsed: bytes) -> bool:
    """Whether a document, as `parsed_json` writes it, may have image pages: sooner told than by loading it."""
    return b'"image_only_pages":' in parsed


@dataclass(frozen=True, slots=True)
class _View:
    """A page's picture: where its pixels lie on the page."""

    png: bytes
    page: Page
    turned: bool

    def on_page(self, boxes: Iterable[Box]) -> Box:
        """The box in points around these in pixels."""
        (width,) = _PNG_SIZE.unpack_from(self.png)
        points = self.page.width / width
        sides = list(zip(*boxes, strict=True))
        x0, y0, x1, y1 = (
            round(side * points, 2) for side in (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))
        )
        if self.turned:
            w, h = self.page.width, self.page.height
            x0, y0, x1, y1 = round(w - x1, 2), round(h - y1, 2), round(w - x0, 2), round(h - y0, 2)
        return x0, y0, x1, y1


def _confidence(lines: Iterable[Line]) -> float:
    """The mean over all words, each by its length."""
    words = [word for line in lines for word in line]
    length = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / max(length, 1)


def _blocks(paragraphs: Sequence[Paragraph], view: _View) -> Iterator[Block]:
    known = {word.text.lower() for paragraph in paragraphs for line in paragraph for word in line}
    for paragraph in paragraphs:
        lines = [line for line in paragraph if _confidence([line]) >= _WRITING]
        block = _block(lines, view, known)
        if block.text:
            yield block


def _block(lines: Sequence[Line], view: _View, known: Collection[str]) -> Block:
    """The lines as one text, each with its region."""
    text = ""
    regions: list[Region] = []
    for line in lines:
        said = _text(line)
        if not said:
            continue
        if text.endswith("-") and not hyphen_joint(text[:-1], said, known):
            text = text[:-1]
            regions[-1] = replace(regions[-1], end=len(text))
        elif text and not text.endswith("-"):
            text += line_joint(text, said)
        box = view.on_page(word.box for word in line)
        regions.append(Region(len(text), len(text) + len(said), view.page.number, box, recognised=True))
        text += said
    return Block("paragraph", text, 0, tuple(regions))


def _text(line: Line) -> str:
    text = ""
    for word in line:
        said = one_line(word.text)
        text += (line_joint(text, said) if text and said else "") + said
    return text


def _in_order(blocks: Sequence[Block], read: Mapping[int, tuple[Block, ...]]) -> Iterator[Block]:
    """All blocks by page; those without a place stay behind the one before them."""
    waiting = sorted(read, reverse=True)
    for block in blocks:
        while block.regions and waiting and waiting[-1] < block.regions[0].page:
            yield from read[waiting.pop()]
        yield block
    for number in reversed(waiting):
        yield from read[number]


def _named(pages: Sequence[int], parsed: ParsedDocument) -> str:
    """The pages in the words of a warning."""
    named = ", ".join(map(str, pages[:_NAMED_PAGES])) + (" …" if len(pages) > _NAMED_PAGES else "")
    one = len(pages) == 1
    are, were = ("is an image", "was") if one else ("are images", "were")
    return f"{len(pages)} of {len(parsed.pages)} pages ({named}) {are} without text and {were}"
