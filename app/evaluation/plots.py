"""Plots as SVG text, to stand within a page: intervals, the risk-coverage curve, and times."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from app.evaluation.summary import Figure, Timing

COLOURS: Final = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed")
_WIDTH = 640
_LABELS = 210
_ROW = 22
_PLOT = 260
_MARGIN = 44


def intervals(by_run: Mapping[str, Sequence[Figure]]) -> str:
    """Each measure as a dot on its 95 % interval between 0 and 1, one below the other for each run."""
    names = list(dict.fromkeys(figure.name for figures in by_run.values() for figure in figures if figure.high <= 1))
    lines: list[str] = []
    for position, name in enumerate(names):
        middle = position * _ROW + _ROW / 2
        lines.append(_text(_LABELS - 8, middle + 4, name, "end"))
        for number, figures in enumerate(by_run.values()):
            y = middle + (number - (len(by_run) - 1) / 2) * 6
            lines += [_interval(each, y, COLOURS[number % len(COLOURS)]) for each in figures if each.name == name]
    height = len(names) * _ROW
    grid = [_line(_across(share), 0, _across(share), height) for share in (0, 0.25, 0.5, 0.75, 1)]
    ticks = [_text(_across(share), height + 16, f"{share:g}", "middle") for share in (0, 0.25, 0.5, 0.75, 1)]
    return _svg(_WIDTH, height + 24, [*grid, *lines, *ticks], "Measures with their intervals")


def risk_coverage(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """What is lost among the questions with the most evidence, by their share of all."""
    ticks = (0, 0.25, 0.5, 0.75, 1)
    grid = [_line(_x(share), _y(0), _x(share), _y(1)) + _line(_x(0), _y(share), _x(1), _y(share)) for share in ticks]
    words = [_text(_x(share), _y(0) + 16, f"{share:g}", "middle") for share in ticks]
    words += [_text(_x(0) - 6, _y(share) + 4, f"{share:g}", "end") for share in ticks]
    words += [_text(_x(0.5), _y(0) + 34, "coverage", "middle"), _text(_x(0), 12, "risk", "middle")]
    lines: list[str] = []
    for number, points in enumerate(curves.values()):
        path = " ".join(f"{_x(coverage):.1f},{_y(risk):.1f}" for coverage, risk in points)
        colour = COLOURS[number % len(COLOURS)]
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(_PLOT + 2 * _MARGIN, _PLOT + 2 * _MARGIN, [*grid, *words, *lines], "Risk and coverage")


def times(by_run: Mapping[str, Sequence[Timing]]) -> str:
    """The median of each stage as a bar, the 95th percentile as a line behind it, in milliseconds."""
    stages = list(dict.fromkeys(timing.stage for timings in by_run.values() for timing in timings))
    most = max((timing.p95 for timings in by_run.values() for timing in timings), default=0.0) or 1.0
    row = 8 * len(by_run) + 10
    lines: list[str] = []
    for position, stage in enumerate(stages):
        lines.append(_text(_LABELS - 8, position * row + row / 2 + 4, stage, "end"))
        for number, timings in enumerate(by_run.values()):
            y = position * row + 5 + number * 8
            lines += [_bar(each, most, y, COLOURS[number % len(COLOURS)]) for each in timings if each.stage == stage]
    return _svg(_WIDTH, len(stages) * row + 4, lines, "Milliseconds per stage")


def legend(names: Sequence[str]) -> str:
    """The runs' names in their colours."""
    shown = (
        f'<span style="color:{COLOURS[number % len(COLOURS)]}">&#9679; {escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f"<p>{' &nbsp; '.join(shown)}</p>"


def _interval(figure: Figure, y: float, colour: str) -> str:
    low, high, mean = _across(figure.low), _across(figure.high), _across(figure.mean)
    told = escape(f"{figure.name}: {figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}], {figure.count} questions")
    return (
        f'<g stroke="{colour}" fill="{colour}"><title>{told}</title>'
        f'<line x1="{low:.1f}" y1="{y:.1f}" x2="{high:.1f}" y2="{y:.1f}" stroke-width="2"/>'
        f'<circle cx="{mean:.1f}" cy="{y:.1f}" r="3.5"/></g>'
    )


def _bar(timing: Timing, most: float, y: float, colour: str) -> str:
    reach = _WIDTH - _LABELS - 120
    median, slow = timing.p50 / most * reach, timing.p95 / most * reach
    told = f"{timing.p50:.1f} / {timing.p95:.1f}"
    return (
        f'<line x1="{_LABELS}" y1="{y + 3:.1f}" x2="{_LABELS + slow:.1f}" y2="{y + 3:.1f}" stroke="{colour}"/>'
        f'<rect x="{_LABELS}" y="{y:.1f}" width="{median:.1f}" height="6" fill="{colour}"/>'
        f"{_text(_LABELS + slow + 6, y + 7, told, 'start')}"
    )


def _across(share: float) -> float:
    return _LABELS + share * (_WIDTH - _LABELS - 16)


def _x(coverage: float) -> float:
    return _MARGIN + coverage * _PLOT


def _y(risk: float) -> float:
    return _MARGIN / 2 + (1 - risk) * _PLOT


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" fill="#333">{escape(words)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
