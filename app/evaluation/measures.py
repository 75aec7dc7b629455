"""What is measured of one question: each measure a number for it, or none where nothing is known or asked.

Over a set each figure is the mean over the questions that have it. A question that should have been answered and was
not counts 0 in whatever measures its answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pytrec_eval
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from app.evaluation.asking import Quote, Replied, Retrieved
from app.evaluation.summary import Group
from app.evaluation.types import Question
from app.evaluation.words import contains, overlap, tokens
from generation.language import HAN
from retrieval.sentences import sentence_spans

Values = Mapping[str, float]

RANKING: Final = {
    "nDCG@10": "ndcg_cut_10",
    "recall@5": "recall_5",
    "recall@10": "recall_10",
    "recall@100": "recall_100",
    "MAP": "map",
}
MRR: Final = "MRR@10"
ALL_FOUND: Final = "all found@10"
PAGES_AT: Final = (1, 5, 10)
GROUPS: Final[Mapping[str, Group]] = {
    **dict.fromkeys((*RANKING, MRR, ALL_FOUND), "ranking"),
    "right document first": "pages",
    **{f"evidence page in the top {k}": "pages" for k in PAGES_AT},
    "evidence page cited": "pages",
    **dict.fromkeys(
        ("answer contained", "exact match", "token F1", "token recall", "ROUGE-L", "BLEU", "reference token recall"),
        "answers",
    ),
    **dict.fromkeys(("citation precision", "citation recall", "right documents cited"), "citations"),
    **dict.fromkeys(
        ("abstention precision", "abstention recall", "false refusals", "foreign refused", "AUROC", "foreign AUROC"),
        "abstention",
    ),
    **dict.fromkeys(
        ("context tokens", "context tokens uncompressed", "tokens left out", "answers kept"), "compression"
    ),
}
"""Every figure by the group that it is shown in, in the order of reports."""


class _OurTokens:
    """ROUGE over our own tokens: its own know no Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return tokens(text)


_ROUGE = RougeScorer(["rougeL"], tokenizer=_OurTokens())
_BLEU = {name: BLEU(tokenize=name, lowercase=True, effective_order=True) for name in ("13a", "zh")}
_TREC = {"ndcg_cut.10", "recall.5,10,100", "map"}


def ranking(grades: Mapping[str, int], documents: Sequence[str]) -> Values:
    """nDCG, recall and average precision as trec_eval has them, the reciprocal rank within the first ten, and whether
    all relevant documents are among those.
    """
    if not any(grade > 0 for grade in grades.values()):
        return {}
    evaluator = pytrec_eval.RelevanceEvaluator({"q": dict(grades)}, _TREC)
    run = {each: float(-position) for position, each in enumerate(documents)}
    found = evaluator.evaluate({"q": run or {"": 0.0}})["q"]
    first = next((rank for rank, each in enumerate(documents[:10], start=1) if grades.get(each, 0) > 0), None)
    values = {name: found[trec] for name, trec in RANKING.items()}
    relevant = {each for each, grade in grades.items() if grade > 0}
    return values | {MRR: 1 / first if first else 0.0, ALL_FOUND: float(relevant <= set(documents[:10]))}


def pages(question: Question, retrieved: Retrieved) -> Values:
    """Whether the first hit is of the right document, and whether a right page is among those of the first k hits."""
    if not question.pages:
        return {}
    rank = next((rank for rank, at in enumerate(retrieved.places, start=1) if at & question.pages), None)
    first = {"right document first": float(any(each in question.grades for each in retrieved.first))}
    return first | {f"evidence page in the top {k}": float(rank is not None and rank <= k) for k in PAGES_AT}


def answers(question: Question, text: str) -> Values:
    """How the text agrees with the answer: of several wordings, with the one that fits best.

    Contained: every part stands in it in some wording. Token recall: the mean of the parts'. The others compare the
    whole text with an answer; one of several parts is their first wordings, joined. BLEU is sacrebleu's of a sentence
    with effective order, by characters in Chinese; ROUGE-L its F1. Reference token recall is that of all sentences
    which bear the answer together.
    """
    given = tokens(text)
    references = " ".join(sentence for texts in question.references.values() for sentence in texts)
    values = dict(_agreement(question.answers, given, text)) if question.answers else dict[str, float]()
    if references:
        values["reference token recall"] = overlap(tokens(references), given)[0]
    return values


def _agreement(parts: Sequence[Sequence[str]], given: Sequence[str], text: str) -> Values:
    wholes = parts[0] if len(parts) == 1 else (" ".join(part[0] for part in parts),)
    recalls = [max(overlap(tokens(wording), given)[0] for wording in part) for part in parts]
    bleu = _BLEU["zh" if HAN.search(wholes[0]) else "13a"]
    return {
        "answer contained": float(all(any(contains(text, wording) for wording in part) for part in parts)),
        "exact match": float(any(tokens(whole) == given for whole in wholes)),
        "token F1": max(overlap(tokens(whole), given)[1] for whole in wholes),
        "token recall": sum(recalls) / len(recalls),
        "ROUGE-L": max(_rouge(whole, text) for whole in wholes),
        "BLEU": bleu.sentence_score(text, list(wholes)).score / 100 if text else 0.0,
    }


def _rouge(target: str, text: str) -> float:
    scores = cast("Mapping[str, Any]", _ROUGE.score(target, text))
    return float(scores["rougeL"].fmeasure)


def citations(question: Question, quotes: Sequence[Quote]) -> Values:
    """Quotes against the sentences that bear the answer, and the documents cited against those that answer.

    A quote and a sentence meet when they are of one document and, as tokens, the one stands in the other. Precision is
    the share of quotes that meet a sentence, recall that of the sentences which a quote meets. Without quotes there is
    no precision.
    """
    wanted = [
        (document, text[start:end])
        for document, texts in question.references.items()
        for text in texts
        for start, end in sentence_spans(text)
    ]
    values: dict[str, float] = {}
    if wanted:
        met = [[_meet(quote, document, sentence) for document, sentence in wanted] for quote in quotes]
        values["citation recall"] = sum(map(any, zip(*met, strict=True))) / len(wanted) if met else 0.0
        if met:
            values["citation precision"] = sum(map(any, met)) / len(met)
    right = {each for each, grade in question.grades.items() if grade > 0}
    if right and quotes:
        values["right documents cited"] = sum(bool(quote.documents & right) for quote in quotes) / len(quotes)
    if question.pages:
        values["evidence page cited"] = float(any(quote.places & question.pages for quote in quotes))
    return values


def _meet(quote: Quote, document: str, sentence: str) -> bool:
    return document in quote.documents and (contains(quote.text, sentence) or contains(sentence, quote.text))


def compression(question: Question, retrieved: Retrieved, replied: Replied) -> Values:
    """Tokens of the context as it was and as it would have been whole, and which answers outlived the difference.

    Kept: whether each part of an answer that stands whole in a chunk of the context, or in one that compression left
    out, still stands in a passage; of references the share of those that do.
    """
    if not replied.passages:
        return {}
    looked_at = [*replied.passages, *replied.beside_the_point]
    whole = [retrieved.chunks[each] for each in looked_at if each in retrieved.chunks]
    shown = list(replied.passages.values())
    left_out = 1 - replied.tokens / replied.tokens_uncompressed if replied.tokens_uncompressed else 0.0
    values = {
        "context tokens": float(replied.tokens),
        "context tokens uncompressed": float(replied.tokens_uncompressed),
        "tokens left out": max(0.0, left_out),
    }
    held = [part for part in question.answers if _held(whole, part)]
    if held:
        values["answers kept"] = float(all(_held(shown, part) for part in held))
        return values
    cited = [sentence for texts in question.references.values() for sentence in texts if _held(whole, [sentence])]
    if cited:
        values["answers kept"] = sum(_held(shown, [sentence]) for sentence in cited) / len(cited)
    return values


def _held(texts: Sequence[str], wordings: Sequence[str]) -> bool:
    return any(contains(text, wording) for text in texts for wording in wordings)


def loss(question: Question, replied: Replied, values: Values) -> float | None:
    """How wrong an answer is, 0..1, None where that cannot be told: what it lacks of the right answer's tokens.

    Where no answer is known, what it lacks of the references; else the share of citations to other documents. An
    answer to what the documents do not answer is wholly wrong; an abstention is none.
    """
    if replied.abstained:
        return None
    if not question.answerable:
        return 1.0
    right = next((values[name] for name in _RIGHTNESS if name in values), None)
    return None if right is None else 1.0 - right


_RIGHTNESS: Final = ("token recall", "citation recall", "right documents cited")
