"""`make bench`: run the named benchmarks, or all but those that stand apart; each prints its tables."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from measure import Table

MODULES = {
    "card": "card",
    "claims": "claims.tables",
    "failing": "failing",
    "hostile": "hostile",
    "follow_ups": "follow_ups",
    "hypothetical": "hypothetical",
    "lexical": "lexical",
    "ingest": "ingest",
    "scifact": "scifact",
    "large": "large",
    "leaving": "leaving",
    "memory": "memory",
    "pages": "pages",
    "poison": "poison",
    "served": "served",
    "queries": "queries",
    "rendering": "rendering",
    "start": "start",
    "page": "page",
    "listing": "listing",
    "fidelity": "fidelity.tables",
    "peers": "peers",
    "quality": "quality",
}
"""Imported when they run: a machine without a browser, say, runs all that need none."""
APART = {"peers", "quality"}
"""They run when they are named: the one needs an environment of its own, the other takes hours."""


def main(names: list[str]) -> None:
    unknown = set(names) - MODULES.keys()
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    sys.path.append(str(Path(__file__).parents[2]))  # some measure with what the tests have, such as the stub of a vLLM
    for name in names or [each for each in MODULES if each not in APART]:
        run: Callable[[], list[Table]] = import_module(MODULES[name]).run
        for table in run():
            sys.stdout.write(table.markdown() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
