"""A small sample, in our own words: altered sentences are flagged and true ones are not, by the path of answers."""

import pytest

from generation.release import Sentence
from generation.verification.verification import Verified, verify
from retrieval.types import Passage
from tests.generation.given import context, entitled

MOST_TRUE_FLAGGED = 0.1
LEAST_ALTERED_FLAGGED = 0.9

FERRY = (
    "The ferry company was founded in 1987. It runs four ships between Tarnholm and Ostvik. Each ship carries up to "
    "320 passengers and 45 cars. Tickets cost 18 euros on weekdays. Bicycles are not charged for."
)
LIBRARY = (
    "Readers may borrow eight books for 28 days. A loan is not renewed if somebody else waits for the book. Late "
    "returns cost 0.20 euros a day. The reading room, which Helga Brandt opened in May 2014, has 64 seats."
)
PUMP = (
    "The pump needs 230 volts. It moves 1,500 litres an hour at a pressure of 3.5 bar. Do not run it dry. The filter "
    "is changed every six months. Northgate Tools gives a warranty of five years."
)
TEA = (
    "公司在2019年3月收购了青山茶厂，总价值为1.2亿元。营业收入达到8000万元，净利润为900万元。公司没有裁员。"
    "员工满意度为85%。董事长李文涛于2020年6月辞职。"
)
PASSAGES: dict[int, Passage] = {
    passage.label: passage
    for passage in context(
        entitled("Seelund Ferries", FERRY, 1),
        entitled("Kirkby Library: Terms of Use", LIBRARY, 2),
        entitled("Aquaflow 200 Manual", PUMP, 3),
        entitled("云溪饮品有限公司", TEA, 4),
    ).passages
}

# What a passage says, its label, and the same with a statement changed.
SAMPLE: list[tuple[int, str, str]] = [
    (1, "Seelund Ferries was founded in 1987.", "Seelund Ferries was founded in 1978."),
    (1, "Seelund Ferries runs four ships.", "Seelund Ferries runs five ships."),
    (1, "The ships run between Tarnholm and Ostvik.", "The ships run between Tarnholm and Lindvik."),
    (1, "A ship carries up to 320 passengers and 45 cars.", "A ship carries up to 320 passengers and 54 cars."),
    (1, "On weekdays tickets cost 18 euros.", "On weekdays tickets cost 18 dollars."),
    (1, "Bicycles are not charged for on Seelund Ferries.", "Bicycles are charged for on Seelund Ferries."),
    (2, "Readers of Kirkby Library may borrow eight books.", "Readers of Kirkby Library may borrow nine books."),
    (2, "Books may be borrowed for 28 days.", "Books may be borrowed for 21 days."),
    (2, "A loan is not renewed if somebody waits for the book.", "A loan is renewed if somebody waits for the book."),
    (2, "Late returns cost 0.20 euros a day.", "Late returns cost 0.30 euros a day."),
    (2, "Helga Brandt opened the reading room in May 2014.", "Helga Brandt opened the reading room in June 2014."),
    (2, "The room that Helga Brandt opened has 64 seats.", "The room that Petra Brandt opened has 64 seats."),
    (3, "The Aquaflow 200 needs 230 volts.", "The Aquaflow 200 needs 110 volts."),
    (3, "It moves 1,500 litres an hour at 3.5 bar.", "It moves 1,500 litres an hour at 5.5 bar."),
    (3, "The pump must not run dry.", "The pump may run dry."),
    (3, "The filter is changed every six months.", "The filter is changed every nine months."),
    (3, "Northgate Tools gives five years of warranty.", "Southgate Tools gives five years of warranty."),
    (4, "云溪饮品有限公司的净利润为900万元。", "云溪饮品有限公司的净利润为700万元。"),
    (4, "云溪饮品有限公司的员工满意度为85%。", "云溪饮品有限公司的员工满意度为58%。"),
    (4, "云溪饮品有限公司没有裁员。", "云溪饮品有限公司裁员了。"),
    (4, "2019年3月，云溪饮品有限公司收购了青山茶厂。", "2019年5月，云溪饮品有限公司收购了青山茶厂。"),
    (4, "云溪饮品有限公司的营业收入达到8000万元。", "金湖饮品有限公司的营业收入达到8000万元。"),
    (4, "董事长李文涛于2020年6月辞职。", "董事长王建国于2020年6月辞职。"),
]


def verified(label: int, text: str) -> Verified:
    return verify(Sentence("", f"{text} [{label}]", (label,)), PASSAGES)


def test_nine_in_ten_altered_sentences_are_flagged_and_at_most_one_in_ten_true_ones() -> None:
    flagged = [altered for label, _, altered in SAMPLE if not verified(label, altered).is_borne_out]
    doubted = [said for label, said, _ in SAMPLE if not verified(label, said).is_borne_out]
    assert len(flagged) >= LEAST_ALTERED_FLAGGED * len(SAMPLE), {altered for *_, altered in SAMPLE} - {*flagged}
    assert len(doubted) <= MOST_TRUE_FLAGGED * len(SAMPLE), doubted


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (1, "Four ships run between Tarnholm and Ostvik for 18 euros."),
        (3, "Northgate Tools gives five years of warranty."),
        (4, "公司没有裁员。"),
    ],
)
def test_a_true_sentence_with_anothers_label_is_put_right_or_not_borne_out(label: int, said: str) -> None:
    for other in PASSAGES.keys() - {label}:
        found = verified(other, said)
        assert not found.is_borne_out or found.labels == (label,)
