import pytest

from generation.verification.quantities import Quantity, quantities


def values(text: str) -> list[tuple[float, str]]:
    return [(quantity.value, quantity.unit) for quantity in quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost 1,577.50 dollars.", [(1577.5, "")]),
        ("$20 million and 1.2bn", [(20e6, ""), (1.2e9, "")]),
        ("a rise of 12.5% or 12.5 per cent", [(12.5, "%"), (12.5, "%")]),
        ("on the 3rd of May", [(3, "")]),
        ("twelve men and seven hundred women", [(12, ""), (700, "")]),
        ("one of them", []),
        ("one million", [(1e6, "")]),
        ("version 2.0.1, COVID19, x86_64", [(201, "")]),
        ("2023年5月10日", [(2023, "年"), (5, "月"), (10, "日")]),
        ("营业收入达到1.8亿元", [(1.8e8, "")]),
        ("罚金人民币二十万元", [(200_000, "")]),
        ("二〇二四年，一百零五人，三千二百万元", [(2024, "年"), (32_000_000, "")]),
        ("一家公司，两家公司", [(2, "")]),
        ("百分之25", [(25, ""), (25, "%")]),
    ],
)
def test_what_a_text_counts_is_read_with_its_scale_and_unit(text: str, expected: list[tuple[float, str]]) -> None:
    assert values(text) == expected


def one(text: str) -> Quantity:
    [quantity] = quantities(text)
    return quantity


@pytest.mark.parametrize(
    ("said", "held", "same"),
    [
        ("$20 million", "20,000,000", True),
        ("20%", "20 per cent", True),
        ("20%", "20年", False),
        ("三年", "3年", True),
        ("20 million", "20", False),
        ("5", "6", False),
        ("-5", "5", False),
        ("minus 5", "-5", True),
        ("$-5", "(5)", True),
        ("a loss of 5", "-5", True),
        ("it fell to 5", "-5", False),
        ("five euros", "five dollars", False),
        ("¥5", "5 yen", True),
        ("¥5", "5 yuan", True),
        ("HK$5", "US$5", False),
        ("HK$5", "5 dollars", True),
        ("二十万美元", "20万元", False),
        ("1.5", "1.50", True),
        ("1.50", "1.5", False),
        ("version 1.0", "version 1", True),
        ("1.2.10", "1.21.0", False),
        ("1.000.000", "1,000,000", True),
        ("9" * 5000, "9" * 5000 + ".0", True),
    ],
)
def test_numbers_are_the_same_by_value_and_unit(said: str, held: str, same: bool) -> None:
    assert one(said).equals(one(held)) is same


def test_a_table_in_millions_says_its_scale_elsewhere() -> None:
    assert one("$1,577 million").equals(one("1,577"), tables_scale=True)
    assert not one("1,577").equals(one("1"), tables_scale=True)


@pytest.mark.parametrize(
    ("said", "held", "rounds"),
    [("1,600", "1,577", True), ("78.5", "78.46", True), ("1,002", "1,000", False), ("2,000", "1,577", False)],
)
def test_a_rounded_number_has_fewer_digits_and_lies_near(said: str, held: str, rounds: bool) -> None:
    assert one(said).rounds(one(held)) is rounds


def test_a_year_is_told_from_other_numbers() -> None:
    assert [quantity.is_year for quantity in quantities("in 2021, 2,000 people, 1.9 thousand, 2021年")] == [
        *(True, False, False, True)
    ]
