"""Reports of runs as one HTML page that needs nothing else: no script, no other file, no network."""

from collections.abc import Iterable, Sequence
from html import escape

from app.evaluation import plots
from app.evaluation.comparison import Comparison
from app.evaluation.runs import Run
from app.evaluation.summary import Figure, Summary

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{border-bottom:1px solid #ddd;padding:.25rem .5rem;"
    "text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{max-width:100%;height:auto}h2{margin-top:2.5rem}"
)


def page(runs: Sequence[Run], comparisons: Sequence[Comparison] = ()) -> str:
    """All runs, one section per dataset, then what differs between those that were compared."""
    datasets = list(dict.fromkeys(run.summary.dataset for run in runs))
    sections = [_section([run.summary for run in runs if run.summary.dataset == name]) for name in datasets]
    sections += [_compared(comparison) for comparison in comparisons]
    title = escape(f"Openbook evaluation: {', '.join(datasets)}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(sections)}</body></html>\n"
    )


def _section(summaries: Sequence[Summary]) -> str:
    names = [summary.configuration.name for summary in summaries]
    first = summaries[0]
    asked = (
        f"{first.questions} questions, of them {first.unanswerable} that the documents do not answer and "
        f"{first.foreign} of other sets; asked {first.asked_at:%Y-%m-%d %H:%M} UTC."
    )
    curves = {summary.configuration.name: summary.risk_coverage for summary in summaries if summary.risk_coverage}
    parts = [
        f"<h2>{escape(first.dataset)}</h2><p>{escape(asked)} Intervals are of 95 %, by bootstrap over questions.</p>",
        plots.legend(names) if len(names) > 1 else "",
        _figures(summaries),
        plots.intervals({summary.configuration.name: summary.figures for summary in summaries}),
        f"<h3>Risk and coverage</h3>{plots.risk_coverage(curves)}" if curves else "",
        "<h3>Milliseconds per stage, median / 95th percentile</h3>",
        plots.times({summary.configuration.name: summary.timings for summary in summaries}),
        *(_worst(summary) for summary in summaries),
    ]
    return "".join(parts)


def _figures(summaries: Sequence[Summary]) -> str:
    names = list(dict.fromkeys(figure.name for summary in summaries for figure in summary.figures))
    by_run = [{figure.name: figure for figure in summary.figures} for summary in summaries]
    head = "".join(f'<th class="n">{escape(summary.configuration.name)}</th>' for summary in summaries)
    rows = "".join(_row(name, [f'<td class="n">{told(run.get(name))}</td>' for run in by_run]) for name in names)
    return f"<table><tr><th>measure</th>{head}</tr>{rows}</table>"


def told(figure: Figure | None) -> str:
    """A figure with its interval and the number of its questions."""
    if figure is None:
        return ""
    if figure.high > 1:
        return f"{figure.mean:.0f} [{figure.low:.0f}, {figure.high:.0f}] ({figure.count})"
    return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}] ({figure.count})"


def _worst(summary: Summary) -> str:
    rows = "".join(
        _row(case.question, [f"<td>{escape(case.answer)}</td><td>{escape(case.note)}</td>"]) for case in summary.worst
    )
    title = f"<h3>What fared worst: {escape(summary.configuration.name)}</h3>"
    return f"{title}<table><tr><th>question</th><th>answer</th><th></th></tr>{rows}</table>" if rows else ""


def _compared(comparison: Comparison) -> str:
    first, second = comparison.first.summary, comparison.second.summary
    names = f"{escape(second.configuration.name)} against {escape(first.configuration.name)}"
    measures = "".join(
        _row(
            each.name,
            (
                f'<td class="n">{value}</td>'
                for value in (
                    f"{each.first:.3f}",
                    f"{each.second:.3f}",
                    f"{each.difference.mean:+.3f} [{each.difference.low:+.3f}, {each.difference.high:+.3f}]",
                    f"{each.difference.p_value:.4f}",
                    f"{each.difference.count}",
                )
            ),
        )
        for each in comparison.measures
    )
    changed = "".join(
        _row(
            each.question,
            [
                f"<td>{escape(each.measure)} {each.gain:+.2f}</td><td>{escape(each.first)}</td>"
                f"<td>{escape(each.second)}</td>"
            ],
        )
        for each in comparison.changed
    )
    return (
        f"<h2>{escape(second.dataset)}: {names}</h2><p>Paired by question; p by 10,000 sign flips, two-sided.</p>"
        f'<table><tr><th>measure</th><th class="n">first</th><th class="n">second</th><th class="n">difference</th>'
        f'<th class="n">p</th><th class="n">questions</th></tr>{measures}</table>'
        f"<h3>What changed most</h3><table><tr><th>question</th><th></th><th>{escape(first.configuration.name)}</th>"
        f"<th>{escape(second.configuration.name)}</th></tr>{changed}</table>"
    )


def _row(head: str, cells: Iterable[str]) -> str:
    return f"<tr><td>{escape(head)}</td>{''.join(cells)}</tr>"
