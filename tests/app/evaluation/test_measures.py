"""Measures against cases worked out by hand."""

from math import exp, log2

import pytest

from app.evaluation import measures
from app.evaluation.asking import Quote, Replied, Retrieved
from app.evaluation.types import Question
from app.evaluation.words import contains, overlap, tokens


def approx(**values: float) -> object:
    return pytest.approx({name.replace("_", " "): value for name, value in values.items()})


def test_ranking_is_as_trec_eval_has_it() -> None:
    values = measures.ranking({"a": 2, "b": 1, "z": 1, "x": 0}, ["x", "a", "y", "b"])

    dcg = 2 / log2(3) + 1 / log2(5)
    best = 2 / log2(2) + 1 / log2(3) + 1 / log2(4)
    assert values == pytest.approx(
        {
            "nDCG@10": dcg / best,
            "recall@5": 2 / 3,
            "recall@10": 2 / 3,
            "recall@100": 2 / 3,
            "MAP": (1 / 2 + 2 / 4) / 3,
            "MRR@10": 1 / 2,
            "all found@10": 0,
        }
    )


def test_recall_and_reciprocal_rank_end_at_their_depth() -> None:
    values = measures.ranking({"a": 1}, [*map(str, range(10)), "a"])

    assert (values["MRR@10"], values["nDCG@10"], values["recall@10"]) == (0, 0, 0)
    assert (values["recall@100"], values["MAP"]) == (1, pytest.approx(1 / 11))


def test_all_documents_are_found_when_each_is_among_the_first_ten() -> None:
    nine = list(map(str, range(8)))

    assert measures.ranking({"a": 1, "b": 1, "c": 0}, ["a", *nine, "b"])["all found@10"] == 1
    assert measures.ranking({"a": 1, "b": 1}, ["a", *nine, "8", "b"])["all found@10"] == 0


def test_a_ranking_of_nothing_is_worth_nothing_and_without_judgements_there_is_none() -> None:
    assert set(measures.ranking({"a": 1}, []).values()) == {0.0}
    assert measures.ranking({"a": 0}, ["a"]) == {}


def test_texts_are_compared_by_words_and_by_single_han_characters() -> None:
    assert tokens("The cat, a CAT: ｃａｔ's 3.5 猫。") == ["cat", "cat", "cat", "s", "3", "5", "猫"]
    assert contains("She was born in New York City.", "new york")
    assert not contains("Yorkshire", "York")
    assert contains("首都是北京。", "北京")
    assert not contains("anything", "the")


def test_overlap_counts_tokens_as_often_as_they_stand() -> None:
    assert overlap(["a", "b", "b"], ["b", "b", "b", "c"]) == (2 / 3, 4 / 7)
    assert overlap([], ["a"]) == (0, 0)
    assert overlap([], []) == (1, 1)


def test_an_answer_is_compared_with_the_wording_that_fits_it_best() -> None:
    question = Question("q", "?", answers=(("far away", "in the red house"),))

    values = measures.answers(question, "It stands in a red house today.")

    # gold: in red house; given: it stands in red house today
    assert values["answer contained"] == 1
    assert values["exact match"] == 0
    assert values["token F1"] == pytest.approx(2 * 3 / (3 + 6))
    assert values["token recall"] == 1
    assert values["ROUGE-L"] == pytest.approx(2 * (3 / 6) * (3 / 3) / (3 / 6 + 3 / 3))


def test_the_sentences_that_bear_an_answer_are_compared_with_it_as_one_text() -> None:
    question = Question("q", "?", references={"d": ("It is red.",), "e": ("It has four legs.",)})

    # references: it is red it has four legs; the answer lacks has, four and one of two its
    assert measures.answers(question, "It is red with legs.") == approx(reference_token_recall=4 / 7)


def test_a_chinese_answer_is_compared_by_characters() -> None:
    values = measures.answers(Question("q", "?", answers=(("北京市",),)), "首都北京")

    assert values["token F1"] == pytest.approx(2 * 2 / (3 + 4))
    assert values["token recall"] == pytest.approx(2 / 3)
    assert values["ROUGE-L"] == pytest.approx(2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))
    assert values["answer contained"] == 0


def test_an_answer_of_parts_is_contained_when_all_of_them_are() -> None:
    question = Question("q", "?", answers=(("6.4%", "6.4 percent"), ("18%",)))

    assert measures.answers(question, "18% and 6.4 percent")["answer contained"] == 1
    half = measures.answers(question, "about 18%")
    assert (half["answer contained"], half["token recall"]) == (0, 0.5)


def one_answer(answer: str) -> Question:
    return Question("q", "?", answers=((answer,),))


def test_the_same_words_are_an_exact_match_with_a_bleu_of_one() -> None:
    values = measures.answers(one_answer("It melts at thirty degrees"), "It melts at thirty degrees.")

    assert (values["exact match"], values["token F1"], values["ROUGE-L"]) == (1, 1, 1)
    assert measures.answers(one_answer("one two three four"), "one two three four")["BLEU"] == pytest.approx(1)


def test_bleu_is_papinenis_with_its_penalty_for_brevity() -> None:
    values = measures.answers(one_answer("one two three four five six seven eight"), "one two three four")

    assert values["BLEU"] == pytest.approx(exp(1 - 8 / 4))


def test_bleu_of_chinese_is_by_characters() -> None:
    values = measures.answers(one_answer("今天北京下雨了"), "昨天北京下雨了。")

    # with the full stop 6 of 8 characters, and of their sequences of two 5 of 7, of three 4 of 6, of four 3 of 5
    assert values["BLEU"] == pytest.approx((6 / 8 * 5 / 7 * 4 / 6 * 3 / 5) ** (1 / 4))


def test_no_answer_is_worth_nothing() -> None:
    question = Question("q", "?", answers=(("June",),))
    assert set(measures.answers(question, "").values()) == {0.0}
    assert measures.answers(Question("q", "?"), "June") == {}


def quote(text: str, document: str = "d", page: int | None = None) -> Quote:
    places = frozenset({(document, page)}) if page else frozenset[tuple[str, int]]()
    return Quote(text, frozenset({document}), places)


def test_a_quote_meets_a_reference_of_its_document_when_one_holds_the_other() -> None:
    references = {"d": ("Gallium melts at 30 degrees. It is soft.",), "e": ("June 10, 2023",)}
    question = Question("q", "?", grades={"d": 1, "f": 0}, references=references)
    quotes = [
        quote("gallium melts at 30 degrees"),
        quote("Issued on June 10, 2023.", "e"),
        quote("It is soft.", "e"),
        quote("Tin is soft."),
    ]

    assert measures.citations(question, quotes) == approx(
        citation_precision=2 / 4, citation_recall=2 / 3, right_documents_cited=2 / 4
    )


def test_an_abstention_cites_nothing_of_what_it_should() -> None:
    question = Question("q", "?", grades={"d": 1}, references={"d": ("One.",)}, pages=frozenset({("d", 2)}))

    assert measures.citations(question, []) == {"citation recall": 0.0, "evidence page cited": 0.0}
    assert measures.citations(question, [quote("x", page=2)])["evidence page cited"] == 1


def retrieved(**chunks: str) -> Retrieved:
    return Retrieved((), (), frozenset(), chunks, {})


def replied(passages: dict[str, str], *beside_the_point: str) -> Replied:
    return Replied("It is red.", False, 0.9, (), passages, beside_the_point, 40, 100, {})


def test_an_answer_outlives_compression_when_a_passage_still_holds_it() -> None:
    found = retrieved(a="It is red. It is old.", b="It is blue.")
    question = Question("q", "?", answers=(("red", "blue"),))

    kept = measures.compression(question, found, replied({"a": "It is red.", "b": "..."}))
    lost = measures.compression(question, found, replied({"a": "It is old.", "b": "..."}))

    assert kept == approx(context_tokens=40, context_tokens_uncompressed=100, tokens_left_out=0.6, answers_kept=1)
    assert lost["answers kept"] == 0


def test_an_answer_in_a_chunk_that_compression_left_out_is_lost() -> None:
    found = retrieved(a="It is old.", b="It is red.", c="It is blue.")

    lost = measures.compression(Question("q", "?", answers=(("red",),)), found, replied({"a": "It is old."}, "b"))
    never_there = measures.compression(Question("q", "?", answers=(("blue",),)), found, replied({"a": "It is old."}))

    assert lost["answers kept"] == 0
    assert "answers kept" not in never_there


def test_an_answer_of_several_parts_is_kept_when_all_are() -> None:
    found = retrieved(a="It grew by 6.4 % in May. It grew by 18 % in June.")
    question = Question("q", "?", answers=(("6.4 %",), ("18 %", "eighteen percent"), ("never said",)))

    assert measures.compression(question, found, replied({"a": "It grew by 6.4 % in May."}))["answers kept"] == 0
    assert measures.compression(question, found, replied({"a": found.chunks["a"]}))["answers kept"] == 1


def test_where_no_answer_stood_references_are_counted_and_without_either_nothing_is() -> None:
    found = retrieved(a="It is red. It is old. It is soft.")
    question = Question("q", "?", answers=(("green",),), references={"d": ("It is red.", "It is old.", "It is new.")})

    assert measures.compression(question, found, replied({"a": "It is red."}))["answers kept"] == 0.5
    assert "answers kept" not in measures.compression(Question("q", "?"), found, replied({"a": "It is red."}))


def test_right_pages_are_looked_for_among_the_first_hits() -> None:
    question = Question("q", "?", grades={"d": 1}, pages=frozenset({("d", 3)}))
    places = (frozenset({("e", 3)}), frozenset({("d", 2), ("d", 3)}))

    assert measures.pages(question, Retrieved((), places, frozenset({"e"}), {}, {})) == {
        "right document first": 0.0,
        "evidence page in the top 1": 0.0,
        "evidence page in the top 5": 1.0,
        "evidence page in the top 10": 1.0,
    }


@pytest.mark.parametrize(
    ("answerable", "values", "lost"),
    [
        (True, {"token recall": 0.75, "citation recall": 0.1}, 0.25),
        (True, {"citation recall": 0.25, "right documents cited": 1.0}, 0.75),
        (True, {"right documents cited": 0.5}, 0.5),
        (True, {}, None),
        (False, {}, 1.0),
    ],
)
def test_what_an_answer_lacks_is_its_loss(*, answerable: bool, values: dict[str, float], lost: float | None) -> None:
    assert measures.loss(Question("q", "?", answerable), replied({}), values) == lost
