"""True sentences near their source pass; the same with a number, a name or a negation altered do not."""

from collections.abc import Callable
from typing import cast

import pytest
from opencc import OpenCC

from generation.types import Doubt
from generation.verification.claims import doubts, names_year

QUOTED = (
    "In July 2017, Northwind Traders declared a dividend of $0.50 per share, totaling $20 million. "
    "The board did not approve the sale of its Oslo branch, although Maria Lindqvist had proposed it."
)
PASSAGE = f"Annual report 2017\nDividends\n{QUOTED} The company employed 1,540 people. It was founded on 3 May 1962."
QUOTED_ZH = "2021年5月，蓝海科技有限公司完成了债务重组，减少了5亿元负债。公司没有裁员。"
PASSAGE_ZH = f"蓝海科技有限公司年报\n{QUOTED_ZH}公司董事长为王晓明，员工共1200人。"
traditional = cast("Callable[[str], str]", OpenCC("s2t").convert)


@pytest.mark.parametrize(
    "sentence",
    [
        "Northwind Traders declared a dividend of $0.50 per share in July 2017.",
        "The dividend totaled $20,000,000.",
        "The board did not approve the sale of the Oslo branch.",
        "The board didn't approve it.",
        "Maria Lindqvist had proposed to sell the Oslo branch.",
        "In 1962 the company was founded.",
        "About 1,500 people were employed by the company.",
        "However, the board turned the proposal down.",
        "Yes.",
        "",
    ],
)
def test_what_stays_with_its_source_is_not_doubted(sentence: str) -> None:
    assert doubts(sentence, QUOTED, PASSAGE) == ()


@pytest.mark.parametrize(
    ("sentence", "doubted"),
    [
        ("Northwind Traders declared a dividend of $0.60 per share.", "number"),
        ("The dividend totaled $20 billion.", "number"),
        ("The company employed exactly 1,500 people.", "number"),
        ("The company employed about 1,541 people.", "number"),
        ("The board was founded in 1963.", "number"),
        ("Northwind Traders declared a dividend in August 2017.", "date"),
        ("Southwind Traders declared a dividend of $0.50 per share.", "name"),
        ("The sale of the branch had been proposed by Peter Lindqvist.", "name"),
        ("The board approved the sale of its Oslo branch.", "negation"),
        ("Northwind Traders did not declare a dividend.", "negation"),
        ("Maria Lindqvist had never proposed the sale, although the board approved it.", "negation"),
    ],
)
def test_what_the_source_does_not_say_is_doubted(sentence: str, doubted: Doubt) -> None:
    assert doubted in doubts(sentence, QUOTED, PASSAGE)


@pytest.mark.parametrize(
    "sentence",
    [
        "蓝海科技有限公司在2021年5月完成了债务重组，减少了5亿元负债。",
        "公司没有裁员。",
        "蓝海科技有限公司的董事长为王晓明。",
        "五月的债务重组减少了5亿元负债。",
        "员工不少，共1200人。",
    ],
)
def test_a_true_sentence_in_chinese_is_not_doubted(sentence: str) -> None:
    assert doubts(sentence, QUOTED_ZH, PASSAGE_ZH) == ()
    assert doubts(sentence, traditional(QUOTED_ZH), traditional(PASSAGE_ZH)) == ()
    assert doubts(traditional(sentence), QUOTED_ZH, PASSAGE_ZH) == ()


@pytest.mark.parametrize(
    ("sentence", "doubted"),
    [
        ("蓝海科技有限公司减少了6亿元负债。", "number"),
        ("蓝海科技有限公司减少了5万元负债。", "number"),
        ("蓝海科技有限公司在2021年6月完成了债务重组。", "number"),
        ("绿源环保有限公司完成了债务重组。", "name"),
        ("公司的董事长为赵国栋先生。", "name"),
        ("蓝海科技有限公司没有完成债务重组，公司没有裁员。", "negation"),
        ("公司裁员了。", "negation"),
    ],
)
def test_an_altered_sentence_in_chinese_is_doubted(sentence: str, doubted: Doubt) -> None:
    assert doubted in doubts(sentence, QUOTED_ZH, PASSAGE_ZH)
    assert doubted in doubts(sentence, traditional(QUOTED_ZH), traditional(PASSAGE_ZH))
    assert doubted in doubts(traditional(sentence), QUOTED_ZH, PASSAGE_ZH)


@pytest.mark.parametrize(
    ("sentence", "doubted"),
    [
        ("公司沒有裁員。", ()),
        ("公司裁員了。", ("negation",)),
        ("公司已完成債務重組。", ()),
        ("公司尚未完成債務重組。", ("negation",)),
    ],
)
def test_a_negation_in_traditional_characters_is_one_too(sentence: str, doubted: tuple[Doubt, ...]) -> None:
    said = "公司已完成債務重組。公司沒有裁員。"
    assert doubts(sentence, said, said) == doubted


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("Lindqvist founded the branch in Oslo.", "Halvorsen founded the branch in Oslo."),
        ("Norway's exports doubled.", "Iceland's exports doubled."),
        ("Norway then sold the fleet.", "Iceland then sold the fleet."),
        ("James wrote the letter.", "Peter wrote the letter."),
        ("Halvorsen, who had come by sea, stayed.", "Lindqvist, who had come by sea, stayed."),
        ("Beijing ranks second in size.", "Chengdu ranks second in size."),
        ("GmbH law applies.", "Such law applies."),
        ("In Norway the fleet was sold.", "In Iceland the fleet was sold."),
        ("- Norway sold the fleet.", "Iceland sold the fleet."),
        ("All ended well. Norway sold the fleet.", "All ended well. Iceland sold the fleet."),
        ("The log is in utf16.", "The log is in utf8."),
        ("日志用utf16编码。", "日志用utf8编码。"),
    ],
)
def test_another_name_is_doubted_where_a_sentence_opens_too(said: str, source: str) -> None:
    assert doubts(said, source, source) == ("name",)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("However, the fleet was sold.", "Iceland sold the fleet."),
        ("Unlike Iceland it kept the fleet.", "Iceland sold it; another kept the fleet."),
        ("Researchers found that it floats.", "Halvorsen found that it floats."),
        ("Established in 1962, it has two ships.", "Founded in 1962, it has two ships."),
        ("Revenue for 2021 was high.", "Turnover for 2021 was high."),
        ("Iceland sold the fleet.", "The Icelandic fleet was sold."),
        ("- Install the pump first.", "The pump comes first."),
        ("NOTE: the fleet was sold.", "The fleet was sold."),
        ("The log is in utf8.", "The log is in UTF-8."),
    ],
)
def test_an_ordinary_word_that_opens_a_sentence_is_not_doubted(said: str, source: str) -> None:
    assert doubts(said, source, source) == ()


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("Growth was 3.2 %.", "Growth was -3.2 %."),
        ("Growth was −3.2 %.", "Growth was 3.2 %."),
        ("增长率为3.2%。", "增长率为-3.2%。"),
        ("Install 2.10 now.", "Install 2.1 now."),
        ("Install version 2.1 now.", "Install 2.10 now."),
        ("It needs Python 3.1 to run.", "It needs Python 3.10 to run."),
        ("It needs v3.12 to run.", "It needs v3.11 to run."),
        ("It cost €20 million.", "It cost $20 million."),
        ("It cost 20 million euros.", "It cost 20 million dollars."),
        ("它花费了5亿美元。", "它花费了5亿元。"),
    ],
)
def test_another_sign_version_or_currency_is_doubted(said: str, source: str) -> None:
    assert doubts(said, source, source) == ("number",)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("Sales fell by 3.2 %.", "Growth of sales: -3.2 %."),
        ("Growth of sales was -3.2 %.", "Sales fell by 3.2 %."),
        ("The result was -$5 million.", "The result was (5) in millions."),
        ("It needs version 3.12 to run.", "It needs v3.12 to run."),
        ("It scores 0.9 on the scale.", "It scores 0.90 on the scale."),
        ("Its ratio was 0.9 then.", "Then\nIts Ratio 0.90"),
        ("It cost $2.10 a piece.", "It cost 2.1 dollars a piece."),
        ("From 10 to 20 people came.", "10-20 people came."),
        ("It cost US$20 million.", "It cost $20 million."),
    ],
)
def test_the_same_number_written_otherwise_is_not_doubted(said: str, source: str) -> None:
    assert doubts(said, source, source) == ()


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("It is safe.", "It is not safe."),
        ("It is not safe.", "It is safe. It does not leak."),
        ("It works.", "It does not work."),
        ("The pump works.", "It never works."),
        ("它安全。", "它不安全。"),
    ],
)
def test_a_turned_negation_of_one_word_is_doubted(said: str, source: str) -> None:
    assert doubts(said, source, source) == ("negation",)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("It works.", "It does not work in the cold. In summer it works."),
        ("It is not safe.", "It isn’t safe."),
        ("It is safe.", "It is safe, and it does not leak."),
        ("它不安全。", "它不安全，但是便宜。"),
    ],
)
def test_a_short_sentence_that_the_source_says_too_is_not_doubted(said: str, source: str) -> None:
    assert doubts(said, source, source) == ()


def test_each_kind_of_doubt_is_named_once_and_in_order() -> None:
    sentence = "In August 2019 Southwind Traders did not declare a dividend of $7 per share or $8 million."
    assert doubts(sentence, QUOTED, PASSAGE) == ("number", "date", "name", "negation")


def test_a_year_may_be_said_elsewhere_in_the_document_and_nothing_else_may() -> None:
    said = "Northwind raised 30 million euros from Alder Bank in 2019."
    source = "Northwind raised 30 million euros from a bank."
    assert doubts(said, source, source, "In 2019 all went well. 50 people work at Alder Bank.") == ("name",)
    assert doubts(said.replace(" from Alder Bank", ""), source, source, "In 2019 all went well.") == ()
    assert doubts(said.replace(" from Alder Bank", ""), source, source, "In 2018 all went well.") == ("number",)
    assert doubts("Northwind raised 50 million euros.", source, source, "50 people work there.") == ("number",)


def test_a_text_names_a_year_or_none() -> None:
    assert names_year("It began in May 2019.")
    assert names_year("成立于2019年。")
    assert not names_year("It has 2,019,000 euros and 12 rooms.")
