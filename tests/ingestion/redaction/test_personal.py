import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.redaction.personal import find

FOUND = [
    ("Write to ann.lee+hr@mail.example.org.", "email", "ann.lee+hr@mail.example.org"),
    ("邮箱zhang.wei@example.cn电话", "email", "zhang.wei@example.cn"),
    ("<mailto:o'neil@example.co.uk>", "email", "o'neil@example.co.uk"),
    ("It came from 86.121.97.248 yesterday", "ip", "86.121.97.248"),
    ("地址2001:db8:85a3::8a2e:370:7334。", "ip", "2001:db8:85a3::8a2e:370:7334"),
    ("Pay to GB29 NWBK 6016 1331 9268 19 BY FRIDAY", "iban", "GB29 NWBK 6016 1331 9268 19"),
    ("账号DE89370400440532013000，谢谢", "iban", "DE89370400440532013000"),
    ("Card 4111 1111 1111 1111 expires", "card", "4111 1111 1111 1111"),
    ("name,3782 822463 10005,x", "card", "3782 822463 10005"),
    ("卡号6011000990139424。", "card", "6011000990139424"),
    ("Her SSN 536 90 4399 was", "id", "536 90 4399"),
    ("id,536-90-4399,x", "id", "536-90-4399"),
    ("公民身份号码11010519491231002X。", "id", "11010519491231002X"),
    ("DNI 54362315K.", "id", "54362315K"),
    ("NHS number 943 476 5919", "id", "943 476 5919"),
    ("Steuer-IdNr. 36 574 261 809", "id", "36 574 261 809"),
    ("CPF 390.533.447-05", "id", "390.533.447-05"),
    ("Call me: (212) 555-2368 x12", "phone", "(212) 555-2368 x12"),
    ("Reach us at +44 20 7946 0958.", "phone", "+44 20 7946 0958"),
    ("联系电话：010-85202353", "phone", "010-85202353"),
    ("手机13812345678，", "phone", "13812345678"),
    ("Mobile: 432 03 163", "phone", "432 03 163"),
    ("655 437 108 office", "phone", "655 437 108"),
]
NOT_FOUND = [
    "See section 3.1.2.4 and release 10.2.1.3 of it.",
    "The server listens on 127.0.0.1 and 0.0.0.0.",
    "It started at 10:30:45 and ended at 2026-11-22 14:02:11.",
    "std::vector<a::b> and ad::be::ef",
    "ISBN 978-3-16-148410-0, EAN 9783161484100",
    "Order 4111 1111 1111 1112 was refused.",
    "Revenue was 1 234 567 890 in 2019 2020 2021 2022.",
    "Net sales 12,345 13,456 14,567 and 0.02012746 0.01429677",
    "arXiv 1910.10683 and https://news.example.com/826/8266987.html",
    "NCT00097955 and model-20240229 and 943 476 591 patients",
    "@decorator and user@localhost and a @ b.com",
    "页码 20230805 与 0001110101",
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND)
def test_personal_data_is_found_whole(text: str, kind: str, value: str) -> None:
    assert [(each.kind, text[each.start : each.end]) for each in find(text)] == [(kind, value)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert [text[each.start : each.end] for each in find(text)] == []


@given(st.lists(st.sampled_from([text for text, _, _ in FOUND] + NOT_FOUND), max_size=6).map(" ".join))
def test_nothing_is_found_twice(text: str) -> None:
    found = find(text)
    assert all(first.end <= second.start for first, second in pairwise(found))


@pytest.mark.parametrize(
    "piece", ["a", "a.", "a@", "@a", "1", "1.", "1 ", "4 ", "12-", "a:", "AA11", "A1 ", "+1", "(1)", "0-", "电1"]
)
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        find(piece * times)
        return time.process_time() - start

    seconds(10)
    short = max(min(seconds(1000), seconds(1000)), 0.002)
    assert seconds(8000) < 40 * short
