"""The figures that a chart in a Word document is drawn from, as a table: categories down, series across."""

import re
from collections.abc import Iterator
from typing import cast

from docx.document import Document
from docx.oxml.parser import parse_xml

from ingestion.normalize import one_line
from ingestion.parsers.docx.xml_tree import Element

_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_LONG_NUMBER = re.compile(r"-?\d{1,15}\.\d{10,30}")
_MAX_POINTS = 5000  # of a chart


def charts(document: Document, paragraph: Element) -> Iterator[str]:
    """The tables of the charts that stand in the paragraph."""
    for reference in paragraph.iter(f"{_CHART}chart"):
        part = document.part.related_parts.get(reference.get(_ID) or "")
        if part is not None and (table := _table(cast("Element", parse_xml(part.blob)))):
            yield table


def _table(chart: Element) -> str:
    series = list(chart.iter(f"{_CHART}ser"))
    names = [" ".join(_points(part, "tx").values()) for part in series]
    named = (_points(part, "cat") or _points(part, "xVal") for part in series)
    categories = next((found for found in named if found), dict[int, str]())
    values = [_points(part, "val") or _points(part, "yVal") for part in series]
    places = sorted({place for column in values for place in column})[:_MAX_POINTS]
    if not places:
        return ""
    rows = [[categories.get(place, ""), *(column.get(place, "") for column in values)] for place in places]
    title = next(chart.iter(f"{_CHART}title"), None)
    heading = [one_line("".join(title.itertext()))] if title is not None else []
    lines = (" | ".join(row).rstrip(" |") for row in (heading, ["", *names], *rows))
    return "\n".join(line for line in lines if line)


def _points(series: Element, part: str) -> dict[int, str]:
    """What Word has kept of the sheet's cells, by their place."""
    found = series.find(f"{_CHART}{part}")
    points = found.iter(f"{_CHART}pt") if found is not None else ()
    return {
        int(place): _short(one_line("".join(point.itertext())))
        for point in points
        if (place := point.get("idx") or "").isdecimal()
    }


def _short(text: str) -> str:
    """A number as people write it: Word keeps 4.4 as 4.4000000000000004."""
    return f"{float(text):.15g}" if _LONG_NUMBER.fullmatch(text) else text
