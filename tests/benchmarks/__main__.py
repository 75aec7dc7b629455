"""`make bench`: run the named benchmarks, or all but those that stand apart; each prints its tables."""

import sys
from collections.abc import Callable

import claims
import hostile
import large
import lexical
import memory
import page
import peers
import quality
import queries
import rendering
import scifact
import start
from fidelity import tables as fidelity
from measure import Table

BENCHMARKS: dict[str, Callable[[], list[Table]]] = {
    "claims": claims.run,
    "hostile": hostile.run,
    "lexical": lexical.run,
    "scifact": scifact.run,
    "large": large.run,
    "memory": memory.run,
    "queries": queries.run,
    "rendering": rendering.run,
    "start": start.run,
    "page": page.run,
    "fidelity": fidelity.run,
    "peers": peers.run,
    "quality": quality.run,
}
APART = {"peers", "quality"}
"""They run when they are named: the one needs an environment of its own, the other takes hours."""


def main(names: list[str]) -> None:
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in names or [each for each in BENCHMARKS if each not in APART]:
        for table in BENCHMARKS[name]():
            sys.stdout.write(table.markdown() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
