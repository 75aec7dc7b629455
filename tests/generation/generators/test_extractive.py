import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from generation.draft import Draft
from generation.generators.extractive import ExtractiveGenerator
from generation.types import GeneratedText, GenerationRequest
from tests.contracts.generator import GeneratorContract
from tests.generation.given import CHINESE, PARIS, context, count_tokens, entitled, hit, request


def pieces(asked: GenerationRequest, most: int = 3) -> list[str]:
    async def collected() -> list[str]:
        generator = ExtractiveGenerator(count_tokens, most)
        return [event.text async for event in generator.stream(asked) if isinstance(event, GeneratedText)]

    return asyncio.run(collected())


class TestExtractiveGenerator(GeneratorContract):
    @asynccontextmanager
    async def new_generator(self) -> AsyncGenerator[ExtractiveGenerator, None]:
        yield ExtractiveGenerator(count_tokens)


def test_the_sentence_nearest_to_the_question_answers_it() -> None:
    asked = request("What is the capital of France?", hit(PARIS, near=[0.1, 0.9, 0.2]))
    assert pieces(asked) == ["The capital of France is Paris. [1]"]


def test_sentences_come_in_reading_order_and_not_by_score() -> None:
    text = "The tax rose in May. Bread was cheap. The tax fell again in June."
    asked = request("When did the tax fall?", hit(text, near=[0.7, 0.0, 0.9]))
    assert pieces(asked) == ["The tax rose in May. [1]", " The tax fell again in June. [1]"]


def test_a_sentence_far_behind_the_best_is_left_out() -> None:
    asked = request(
        "capital of France", hit(PARIS, near=[0.0, 0.95, 0.0]), hit("Bread is baked.", 2, near=0.0, score=0.1)
    )
    assert pieces(asked) == ["The capital of France is Paris. [1]"]


def test_without_similarities_shared_terms_decide() -> None:
    asked = request("Where is the capital of France?", hit(PARIS, near=None))
    assert "The capital of France is Paris. [1]" in "".join(pieces(asked))


def test_a_chinese_question_is_answered_by_its_terms() -> None:
    asked = request("香港第六届立法会有多少个议席？", hit(CHINESE, near=None))
    assert pieces(asked)[0] == "香港第六届立法会共有70个议席。[1]"


def test_a_question_in_the_document_gives_way_to_what_follows_it() -> None:
    text = "Many ask. What is the capital of France? It is Paris, on the Seine. Bread is baked there."
    asked = request("What is the capital of France?", hit(text, near=[0.1, 0.99, 0.4, 0.1]))
    assert pieces(asked) == ["It is Paris, on the Seine. [1]"]


@pytest.mark.parametrize("parted", [" ", "\n\n"])
def test_a_paragraph_that_a_question_opens_or_stands_above_replies_to_it(parted: str) -> None:
    text = (
        f"Who tells of parental leave?{parted}Ask Priya Nair. The company pays 90% of it.\n\n"
        f"May I work from abroad?{parted}Twenty days a year. Leave is no work."
    )
    asked = request("What is the parental leave policy?", hit(text, near=[0.7, 0.1, 0.1, 0.3, 0.1, 0.4]))
    assert pieces(asked, 2) == ["Ask Priya Nair. [1]", " The company pays 90% of it. [1]"]


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Who is the owner of it?", "Owner: Finance Operations"),
        ("乙方是谁？", "甲方（出租方）：云栖物业管理有限公司\n乙方（承租方）：启明数据科技有限公司"),
    ],
)
def test_a_line_whose_label_is_what_is_asked_about_comes_before_sentences_that_say_the_word(
    question: str, line: str
) -> None:
    said = "The owner pays. The owner may sell it." if line.isascii() else "乙方不得转租。乙方支付保证金。"
    first, second = hit(said, near=None), hit(line, 2, near=None, score=0.9, lines=True)
    assert line.splitlines()[-1] in pieces(request(question, first, second), 1)[0]


def test_a_label_that_says_less_than_the_question_is_no_answer_before_others() -> None:
    text = "Owner: Finance Operations\nThe owner of the travel policy may delegate its approval."
    asked = request("May the owner delegate the approval of travel?", hit(text, near=None, lines=True))
    assert "may delegate" in pieces(asked, 1)[0]


def test_a_label_that_sends_the_reader_elsewhere_comes_before_no_sentence() -> None:
    text = "Delivery time: see annex 3.\nWe deliver within three days."
    asked = request("What is the delivery time?", hit(text, near=[0.6, 0.75], lines=True))
    assert "within three days" in pieces(asked, 2)[-1]


def test_a_heading_gives_way_to_a_sentence() -> None:
    text = "The capital of France\n\nThe capital of France is Paris, a city of two million."
    asked = request("capital of France", hit(text, near=[0.9, 0.88]))
    assert pieces(asked) == ["The capital of France is Paris, a city of two million. [1]"]


def test_of_a_table_the_row_that_answers_is_given_under_its_first_row() -> None:
    table = "Where | Hotel, per night\nAbroad | 140 euros\nLondon, Paris | 190 euros"
    asked = request("How much is a hotel night in London?", hit(table, near=[0.6, 0.2, 0.3], lines=True))

    assert pieces(asked) == ["Where | Hotel, per night [1]", "\nLondon, Paris | 190 euros [1]"]


def test_a_row_is_never_left_out_below_its_header() -> None:
    """Though two sentences come before it, and only one more may follow."""
    table = hit("Item | Price\nWS-300 | 499 pounds\nMast | 45 pounds", 2, near=[0.7, 0.75, 0.1], lines=True)
    asked = request("price of the WS-300", hit("The WS-300 has a price. It is old.", near=[0.9, 0.8]), table)
    assert pieces(asked)[-2:] == ["\nItem | Price [2]", "\nWS-300 | 499 pounds [2]"]


def test_of_a_table_two_rows_are_given_where_two_are_compared() -> None:
    table = "Plan | Price\nFree | none\nStarter | 19 pounds\nTeam | 59 pounds"
    asked = request("Starter or Team plan?", hit(table, near=[0.5, 0.5, 0.6, 0.6], lines=True))
    assert pieces(asked) == ["Plan | Price [1]", "\nStarter | 19 pounds [1]", "\nTeam | 59 pounds [1]"]


def test_what_a_question_asks_by_is_nothing_that_an_answer_says() -> None:
    text = "答：数据要存多久，由您决定。\n\n发票在三个工作日内发送。"
    asked = request("发票多久能收到？", hit(text, near=None))
    assert pieces(asked, 1) == ["发票在三个工作日内发送。[1]"]


STEPS = "1. Mount the mast. It has two parts.\n2. Insert the batteries.\n3. Wait for the green light."


def test_steps_that_are_asked_for_are_given_from_the_first_to_the_last() -> None:
    text = f"{STEPS}\n\nThe station weighs two kilograms."
    asked = request("How do I insert the batteries?", hit(text, near=[0.1, 0.1, 0.9, 0.2, 0.1]))
    assert pieces(asked) == [f"{STEPS} [1]"]


def test_what_is_asked_of_one_step_is_answered_by_it_alone() -> None:
    asked = request("Which light do I wait for?", hit(STEPS, near=[0.1, 0.1, 0.1, 0.9]))
    assert pieces(asked) == ["3. Wait for the green light. [1]"]


def test_a_block_of_code_is_quoted_whole_and_keeps_its_lines() -> None:
    code = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef root():\n    return {'rows': rows[1]}"
    asked = request("How do I declare a route?", hit(code, near=[0.2, 0.2, 0.9, 0.3, 0.1], lines=True))
    assert pieces(asked) == [code.replace("[1]", "[ 1 ]") + " [1]"]


@pytest.mark.parametrize(
    "code", ["curl -H 'Accept: text/html' \\\n  https://api.example/v2/stations", "[upload]\nretry = 5"]
)
def test_a_shell_line_that_goes_on_and_a_section_of_settings_are_code(code: str) -> None:
    assert pieces(request("Which is it?", hit(code, lines=True))) == [f"{code} [1]"]


def test_a_labelled_sentence_and_the_line_below_it_are_no_code() -> None:
    text = "Budget: 3,200 euros a month.\n\nAction items:"
    assert pieces(request("What is the budget?", hit(text, near=[0.9, 0.1])), 1) == ["Budget: 3,200 euros a month. [1]"]


def test_lines_that_each_have_a_label_are_no_block_of_code() -> None:
    text = "Depth: 10 cm\n\nInterface: SDI-12"
    assert pieces(request("depth", hit(text, near=[0.9, 0.1])), 1) == ["Depth: 10 cm [1]"]


def test_brackets_of_the_document_are_never_taken_for_labels() -> None:
    text = "The tax was raised in 1999 [2], as [3, 4] and 【5】 say."
    asked = request("When was the tax raised?", hit(text), hit("Bread is baked.", 2, near=0.0, score=0.1))
    draft = Draft(asked.context)
    for piece in pieces(asked):
        draft.add(GeneratedText(piece, quoted=True))
    draft.finish()
    assert re.findall(r"\[(\d+)\]", draft.text) == ["1"]
    assert [citation.quote for citation in draft.citations] == [text]


def test_slices_and_footnote_marks_of_the_document_stay_and_cite_nothing() -> None:
    text = "The tax[^2] was raised for rows[2:5] of the table."
    asked = request("When was the tax raised?", hit(text), hit("Bread is baked.", 2, near=0.0, score=0.1))
    draft = Draft(asked.context)
    for piece in pieces(asked):
        draft.add(GeneratedText(piece, quoted=True))
    assert draft.text == f"{text} [1]"
    assert [(citation.label, citation.quote) for citation in draft.citations] == [(1, text)]


def test_the_same_sentence_in_two_passages_is_said_once() -> None:
    asked = request(
        "capital of France", hit("The capital of France is Paris."), hit("The capital of France is Paris!", 2)
    )
    assert pieces(asked) == ["The capital of France is Paris. [1]"]


def test_a_sentence_below_a_heading_that_names_what_is_asked_answers() -> None:
    text = "It was founded in 1891 in Eindhoven."
    asked = request(
        "When was Philips founded?",
        hit(text, 1, near=0.4, headings=("Siemens",)),
        hit(text.replace("1891", "1892"), 2, near=0.4, headings=("Philips",)),
    )
    assert pieces(asked, 1) == ["It was founded in 1892 in Eindhoven. [2]"]


def test_a_question_about_two_things_is_answered_by_a_sentence_on_each() -> None:
    asked = request(
        "How do the dividends of Alder and of Birch differ?",
        hit("Alder pays two euros in dividends. The dividends of Alder rose. Alder is old.", 1, near=[0.8, 0.79, 0.1]),
        hit("Birch pays one euro.", 2, near=0.75),
    )
    assert pieces(asked, 2) == ["Alder pays two euros in dividends. [1]", " Birch pays one euro. [2]"]


def test_an_answer_is_in_one_language_but_for_code() -> None:
    both = "CORS is enabled by a middleware. 中间件将拦截传入的CORS请求并进行响应。\n\napp.add_middleware(CORS)"
    said = pieces(request("How is CORS enabled by a middleware?", hit(both, near=[0.9, 0.8, 0.85])))
    assert said == ["CORS is enabled by a middleware. [1]", " app.add_middleware(CORS) [1]"]


def test_an_item_of_a_list_has_a_line_of_its_own() -> None:
    text = "The image is built with Docker.\n- Build the image with docker build.\n\nThe build takes a Python image."
    said = pieces(request("How is the Docker image built?", hit(text, near=[0.9, 0.9, 0.9])))
    assert said == [
        "The image is built with Docker. [1]",
        "\n- Build the image with docker build. [1]",
        "\nThe build takes a Python image. [1]",
    ]


def test_the_answer_stays_short() -> None:
    sentences = [
        f"The tax of {word} was raised by the council {'and again ' * 30}." for word in ("salt", "bread", "wine")
    ]
    asked = request("Which tax was raised?", hit(" ".join(sentences)))
    assert len(pieces(asked)) == 1


@pytest.mark.parametrize(
    "text",
    [PARIS, CHINESE, "x = 1\ny = 2", "a | b\nc | d", "1. One.\n2. Two. It has two.", "One\nline that wraps over\ntwo."],
)
def test_extracts_support_themselves_wholly(text: str) -> None:
    asked = request("capital 议席 x a line", hit(text))
    draft = Draft(context(hit(text)))
    for piece in pieces(asked):
        draft.add(GeneratedText(piece, quoted=True))
    draft.finish()
    assert [sentence.support for sentence in draft.sentences] == [1.0] * len(draft.sentences)
    assert draft.support == 1.0


def of_two_handbooks(question: str, oslo: str, bergen: str) -> GenerationRequest:
    return request(question, entitled("Oslo Handbook", oslo), entitled("Bergen Handbook", bergen, 2))


def test_documents_named_side_by_side_each_have_a_sentence() -> None:
    """Though each sentence of the first says more of the question's words than any of the second."""
    asked = of_two_handbooks(
        "How many weeks of leave do the Oslo Handbook and the Bergen Handbook give?",
        "The Oslo Handbook gives five weeks of leave. The Oslo Handbook gives leave from May. Oslo Handbook, leave.",
        "Bread is baked here. Leave is six weeks.",
    )
    assert pieces(asked, 2) == ["The Oslo Handbook gives five weeks of leave. [1]", " Leave is six weeks. [2]"]


def test_the_names_of_documents_do_not_choose_among_their_sentences() -> None:
    asked = of_two_handbooks(
        "Which gives more weeks of leave, the Oslo Handbook or the Bergen Handbook?",
        "The Oslo Handbook is a book by Oslo for Oslo. It gives five weeks of leave.",
        "The Bergen Handbook is a book by Bergen for Bergen. It gives six weeks of leave.",
    )
    assert pieces(asked) == ["It gives five weeks of leave. [1]", " It gives six weeks of leave. [2]"]


def test_of_named_documents_a_sentence_with_the_date_or_the_number_asked_for_is_taken() -> None:
    def taken(question: str) -> list[str]:
        told = "The tax was raised by the council. It came in June and was paid by 40 bakers."
        named = [entitled("Oslo Handbook", told), entitled("Bergen Handbook", told, 2)]
        near = np.array([0.6, 0.78], dtype=np.float32)
        return pieces(request(question, *(replace(each, similarities=near) for each in named)), 2)

    raised = ["The tax was raised by the council. [1]", " The tax was raised by the council. [2]"]
    came = ["It came in June and was paid by 40 bakers. [1]", " It came in June and was paid by 40 bakers. [2]"]
    assert taken("When was the tax of the Oslo Handbook and the Bergen Handbook raised?") == came
    assert taken("How many times was the tax of the Oslo Handbook and the Bergen Handbook raised?") == came
    assert taken("Who raised the tax of the Oslo Handbook and the Bergen Handbook?") == raised


def test_what_is_asked_of_one_subject_lets_in_no_number_for_its_own_sake() -> None:
    text = "The probation lasts six months. You talk after 30, 90 and 150 days."
    asked = request("How long does the probation last?", hit(text, near=[0.9, 0.42]))
    assert pieces(asked) == ["The probation lasts six months. [1]"]


def test_a_document_that_is_named_and_has_no_passage_is_done_without() -> None:
    asked = request(
        "How much leave do the Oslo Handbook and the Bergen Handbook give?", entitled("Oslo Handbook", PARIS)
    )
    assert len(pieces(asked, 1)) == 1
