"""Two ranked lists become one: terms and meaning.

`convex` is what the retriever uses: on every set that was measured it beat `reciprocal_rank`, as Bruch, Gai and Ingber
found (An Analysis of Fusion Functions for Hybrid Retrieval, ACM TOIS 2023).
"""

import unicodedata
from collections.abc import Iterable, Sequence

from retrieval.types import ChunkId, Scored

DENSE_WEIGHT = 0.6  # nDCG@10 with the best sentence at .5 / .6 / .7: .826 / .825 / .812 and .624 / .619 / .612
SEPARATION_GAIN = 0.2  # nDCG@10 +.002 to +.004 on four sets of four; .5 is no better
SEPARATED = 10  # of the best scores
KNOWN_SHARE = 0.8  # of a query's letters; below, the vector says more of its unknown tokens than of the question

# The first word of a letter's Unicode name is its script; languages that are not named here are written in Latin.
_SCRIPTS = {
    "ar": {"ARABIC"},
    "be": {"CYRILLIC"},
    "bg": {"CYRILLIC"},
    "bn": {"BENGALI"},
    "el": {"GREEK"},
    "fa": {"ARABIC"},
    "he": {"HEBREW"},
    "hi": {"DEVANAGARI"},
    "hy": {"ARMENIAN"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA"},
    "ka": {"GEORGIAN"},
    "ko": {"HANGUL"},
    "mk": {"CYRILLIC"},
    "mr": {"DEVANAGARI"},
    "ru": {"CYRILLIC"},
    "sr": {"CYRILLIC", "LATIN"},
    "ta": {"TAMIL"},
    "th": {"THAI"},
    "uk": {"CYRILLIC"},
    "ur": {"ARABIC"},
    "zh": {"CJK"},
}


def convex(
    lexical: Iterable[Scored], dense: Iterable[Scored], dense_weight: float, best_lexical: float = 0.0
) -> list[Scored]:
    """Weigh BM25, divided by its best score, against cosine, clipped at 0; best first, ties by id.

    A chunk that one side lacks counts 0 there, so give both sides' scores wherever they can be had. `best_lexical` is
    the best score that the same query has elsewhere.
    """
    terms = {found.id: found.score for found in lexical}
    meaning = {found.id: max(found.score, 0.0) for found in dense}
    best = max([*terms.values(), best_lexical]) or 1.0
    return ranked(
        Scored(
            chunk,
            (1 - dense_weight) * (max(terms.get(chunk, 0.0), 0.0) / best) + dense_weight * meaning.get(chunk, 0.0),
        )
        for chunk in terms.keys() | meaning.keys()
    )


def scaled(found: Iterable[Scored]) -> list[Scored]:
    """The scores divided by the best of them: what is left where those of two models have to stand side by side."""
    scores = list(found)
    best = max((one.score for one in scores), default=0.0)
    return [Scored(one.id, one.score / best) for one in scores] if best > 0 else scores


def reciprocal_rank(runs: Iterable[Sequence[Scored]], k: int = 60) -> list[Scored]:
    """Sum 1 / (k + rank) over the runs; best first, ties by id.

    Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009; k = 60 is theirs. Equal
    scores in a run share the best of their ranks, so it does not matter how the run broke the tie.
    """
    ranks: dict[ChunkId, list[int]] = {}
    for run in runs:
        rank, last = 0, None
        for place, found in enumerate(ranked(run), start=1):
            if found.score != last:
                rank, last = place, found.score
            ranks.setdefault(found.id, []).append(rank)
    # Summed from the smallest share up, or the order of the runs would show in the last bit.
    return ranked(
        Scored(chunk, sum(1 / (k + rank) for rank in sorted(found_at, reverse=True)))
        for chunk, found_at in ranks.items()
    )


def ranked(found: Iterable[Scored]) -> list[Scored]:
    """Best first, ties by id."""
    return sorted(found, key=lambda scored: (-scored.score, scored.id))


def dense_weight(query: str, languages: frozenset[str]) -> float:
    """How much the dense side counts: nothing when the query is in a script that the embedder never learned.

    An embedder that names no language is trusted with all of them.
    """
    if not languages:
        return DENSE_WEIGHT
    known = {script for language in languages for script in _SCRIPTS.get(language, {"LATIN"})}
    scripts = [_script(letter) for letter in unicodedata.normalize("NFKC", query) if letter.isalpha()]
    if not scripts:
        return DENSE_WEIGHT
    return DENSE_WEIGHT if sum(script in known for script in scripts) >= KNOWN_SHARE * len(scripts) else 0.0


def leaned(weight: float, lexical: Sequence[Scored], dense: Sequence[Scored]) -> float:
    """The dense side's weight, moved towards the side whose best score stands out more: that one has something to say.

    Both lists best first, as the sides found them.
    """
    moved = weight + SEPARATION_GAIN * (separation(dense) - separation(lexical))
    return min(1.0, max(0.0, moved))


def separation(found: Sequence[Scored]) -> float:
    """How far the best score is above the mean of the next nine, as a share of it, 0 to 1; of fewer than two, 0."""
    scores = [max(one.score, 0.0) for one in found[:SEPARATED]]
    if len(scores) < 2 or scores[0] <= 0:
        return 0.0
    return 1 - sum(scores[1:]) / (len(scores) - 1) / scores[0]


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
