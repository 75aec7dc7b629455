import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.charset import decode, decode_html, wide_order

CHINESE = (
    "本公司员工出差报销规定：交通费凭票据实报销，住宿费每晚不超过五百元，超出部分由个人承担。请在出差结束后提交申请。"
)
TAIWANESE = (
    "本公司員工出差報銷規定：交通費憑票據實報銷，住宿費每晚不超過五百元，超出部分由個人承擔。請在出差結束後提交申請。"
)
JAPANESE = (
    "出張旅費規程：交通費は実費を支給し、宿泊費は一泊一万円を上限とする。申請は出張終了後十日以内に提出してください。"
)
KOREAN = (
    "출장비 규정: 교통비는 실비로 지급하며 숙박비는 1박에 십만 원을 넘지 않아야 합니다. 열흘 안에 신청서를 내십시오."
)
GERMAN = (
    "Für Dienstreisen gilt: Übernachtungen bis höchstens hundert Euro, größere Beträge müssen vorher genehmigt werden."
)
FRENCH = "Les frais de déplacement sont remboursés ; l’hébergement ne doit pas dépasser cent € par nuitée, sauf accord."
RUSSIAN = "Командировочные расходы возмещаются по чекам; проживание не дороже ста евро за ночь."
ENGLISH = "Travel is repaid against receipts; a night may cost no more than one hundred euros."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"), (CHINESE, "gb2312"), (CHINESE, "utf-16-le"), (CHINESE, "utf-16-be"),
        (TAIWANESE, "big5"), (TAIWANESE, "gb18030"), (TAIWANESE, "utf-16-le"),
        (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"), (JAPANESE, "iso2022_jp"), (JAPANESE, "utf-16-be"),
        (KOREAN, "euc_kr"), (KOREAN, "utf-16-le"),
        (GERMAN, "iso8859-1"), (FRENCH, "cp1252"), (GERMAN, "utf-16-be"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"),
        (ENGLISH, "ascii"), (ENGLISH, "utf-16-le"), (ENGLISH, "utf-16-be"), (ENGLISH, "utf-16"), (ENGLISH, "utf-32"),
        (CHINESE, "utf-8"), (CHINESE, "utf-8-sig"), (CHINESE, "utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("repeats", [0.4, 1, 30], ids=["short", "whole", "long"])
def test_a_text_is_read_in_whatever_charset_it_comes(text: str, encoding: str, repeats: float) -> None:
    text = text[: int(len(text) * repeats)] if repeats < 1 else text * int(repeats)

    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (CHINESE, "gb18030", "utf-8"),
        (CHINESE, "gb18030", "iso-8859-1"),
        (TAIWANESE, "big5", "gb2312"),
        (JAPANESE, "shift_jis", "windows-1252"),
        (JAPANESE, "shift_jis", "euc-jp"),
        (KOREAN, "cp949", "iso-8859-1"),
        (GERMAN, "utf-8", "iso-8859-1"),
        (GERMAN, "cp1252", "utf-8"),
        (CHINESE, "utf-8", "utf-16"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_not_believed(text: str, encoding: str, declared: str) -> None:
    page = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={declared}"></head><p>{text}'

    assert decode_html(page.encode(encoding)) == page


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        ("中文", "gbk", "gb2312"),
        ("naïve “quoted”", "cp1252", "ISO-8859-1"),
        ("Zażółć gęślą jaźń", "iso8859-2", "iso-8859-2"),
        ("Καλημέρα", "iso8859-7", "iso-8859-7"),
        ("ığüş", "cp1254", "iso-8859-9"),
        ("日本", "shift_jis", "Shift_JIS"),
        ("안녕", "cp949", "euc-kr"),
        ("naïve", "utf-8", "base64"),
        ("naïve", "utf-8", "no-such-charset"),
    ],
)
def test_a_declaration_decides_where_little_text_does_not(text: str, encoding: str, declared: str) -> None:
    assert decode(text.encode(encoding), declared) == text


def test_a_damaged_place_does_not_change_the_charset_of_the_rest() -> None:
    utf8, gbk = (CHINESE * 3).encode(), (CHINESE * 3).encode("gbk")

    assert decode(utf8 + b"\xff" + utf8) == CHINESE * 3 + "\ufffd" + CHINESE * 3
    assert decode(gbk + b"\xff\n" + gbk).endswith(CHINESE * 3)
    assert decode(utf8[:-1]).startswith(CHINESE * 2)


@pytest.mark.parametrize(
    "content", [b"", b"a", b"plain text\n", bytes(64), "日本中国".encode("shift_jis"), b"\xff\xd8" * 40]
)
def test_what_is_no_utf16_is_not_taken_for_it(content: bytes) -> None:
    assert wide_order(content) is None


@given(st.binary(max_size=200), st.none() | st.text(max_size=12))
def test_any_bytes_give_some_text(content: bytes, declared: str | None) -> None:
    assert isinstance(decode(content, declared), str)
