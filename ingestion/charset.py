"""Bytes → text, whatever they are encoded in: by their mark, as UTF-8, as declared if that reads well, by their looks.

charset-normalizer knows the alphabets, but takes short Chinese, Japanese and Korean texts for one another: there the
text that has the most of its characters among the commonest ones is right (measured: from ten characters on).
"""

import codecs
import re
from functools import cache

from charset_normalizer import from_bytes

_SAMPLE_BYTES = 65_536  # a charset shows early, and charset-normalizer is slow
_DECLARED_WITHIN = 2048  # bytes: where browsers look for the declaration, doubled
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{1,40})|<\?xml[^>]{0,100}encoding=["']([\w-]{1,40})""",
    re.IGNORECASE,
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SWITCH = re.compile(rb"\x1b\$[@B]|\x1b\([BJ]")
_SWITCHES = {b"\x1b$B", b"\x1b(B"}  # to Japanese and back, in ISO-2022-JP, which is ASCII to the eye
_WIDE_SAMPLE_BYTES = 4096
_WIDE = ("utf-16-le", "utf-16-be")
_EAST_ASIAN = ("gb18030", "cp950", "big5hkscs", "cp932", "euc_jp", "cp949")
# What charset-normalizer may choose from: what documents are in, and none of the hundred code pages of mainframes.
_ALPHABETS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874",
    "iso8859_2", "iso8859_5", "iso8859_7", "koi8_r", "cp866",
]  # fmt: skip
# What browsers do: pages say the one and use the other.
_ALIASES = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "big5": "cp950", "big5-hkscs": "big5hkscs",
    "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252", "latin1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "iso-8859-9": "cp1254", "tis-620": "cp874",
}  # fmt: skip

_GOOD = 0.3  # of the characters are common ones: other charsets than the right one give less than .2
_CLEARLY_BETTER = 0.25  # so much more than the declared charset another must score
_MOSTLY_UTF8 = 30  # good sequences for each bad byte: a file that was cut or damaged, not another charset
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = re.compile(r"[\x00-\x7f]+")
_ODD = re.compile("[\x80-\x9f\ue000-\uf8ff\ufffd\uff61-\uff9f\U000f0000-\U0010ffff]")
_MARKS_OF_WRITING = (
    "\u3000-\u3003\u3008-\u3011\u3014\u3015\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\u2018-\u201d\u2026\u2014\u00b7"
)
_KANA = "\u3041-\u3093\u30a1-\u30f6\u30fc"
_HANZI = (
    "的一是不了在人有我他这個个们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着著下自之"
    "年过過发發后後作里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主"
    "样樣理心她本前开開但因只从從想实實日军軍者意无無力它与與长長把机機十民第公此已工使情明性知全三又关關点點正业業外将"
    "將两兩高间間由问問很最重并並物手应應战戰向头頭文体體政美相见見被利什二等产產或新己制身果加西斯月话話合回特代内內信"
    "表化老给給世位次度门門任常先海通教儿兒原东東声聲提立及比员員解水名真论論处處走义義各入几幾口认認条條平系气氣题題活"
    "更别別打女变變四神总總何电電数數安少报報才结結反受目太量再感建务務做接必场場件计計管期市直资資命山金指许許统統区區"
    "保至队隊形社便空决決治展马馬科司五基眼书書非则則听聽白却卻界达達光放强強即像难難且权權思王完设設式色路记記南品住告"
    "类類求据據程北边邊死张張该該交规規万萬取格望觉覺术術领領共确確传傳师師观觀清今切院让讓识識带帶导導争爭运運請请項项"
    "價价費费單单號号購购買买貨货錢钱銷销經售網网站址線线頁页版權本次這台灣湾香港京日六七八九零百千元美"
)
_KANJI = (
    "日本人年大会国中事者社出新東方分生上前同行的後時場部地高学子見合京長小今自市回立"
    "力月内定実業金気円全入発対開関問題電話書店用法店員"
)
_HANGUL = (
    "이다는을의에가고하지로한기를은도사나리어서자그대시아정인해수있일라부보상만원과전제여게것들니주세스면조구동소장연적오러었"
    "국성공할안신요습까와경비우트드학위관유생내문물진선중거년합때회모말분계않치업방용실표무따발음려되미역간개당등행데바입금임"
    "마차후현열단결력천재직"
)
_COMMON = {
    "gb18030": f"[{_HANZI}{_MARKS_OF_WRITING}]",
    "cp950": f"[{_HANZI}{_MARKS_OF_WRITING}]",
    "big5hkscs": f"[{_HANZI}{_MARKS_OF_WRITING}]",
    "cp932": f"[{_KANA}{_KANJI}{_MARKS_OF_WRITING}]",
    "euc_jp": f"[{_KANA}{_KANJI}{_MARKS_OF_WRITING}]",
    "cp949": f"[{_HANGUL}{_MARKS_OF_WRITING}]",
    "utf-16-le": f"[{_HANZI}{_KANA}{_HANGUL}{_MARKS_OF_WRITING}]",
    "utf-16-be": f"[{_HANZI}{_KANA}{_HANGUL}{_MARKS_OF_WRITING}]",
}


def decode(content: bytes, declared: str | None = None) -> str:
    """Return the text of the bytes; what no charset can read becomes replacement characters, never an error."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    if (order := wide_order(content)) is not None:
        return content.decode(order, errors="replace")
    if {match[0] for match in _SWITCH.finditer(content[:_SAMPLE_BYTES])} >= _SWITCHES:
        return content.decode("iso2022_jp", errors="replace")
    if _is_utf8(content):
        return content.decode("utf-8", errors="replace")
    return content.decode(_encoding(content[:_SAMPLE_BYTES], _python_name(declared)), errors="replace")


def decode_html(content: bytes) -> str:
    """Return the text of a page, which may declare its charset."""
    match = _CHARSET.search(content[:_DECLARED_WITHIN])
    return decode(content, (match[1] or match[2]).decode("ascii", errors="ignore") if match else None)


def wide_order(content: bytes) -> str | None:
    """UTF-16 without a mark: by its zero bytes where it is Latin, by its common characters where it is East Asian."""
    sample = content[: min(len(content), _WIDE_SAMPLE_BYTES) & ~1]
    high, low = sample[::2].count(0), sample[1::2].count(0)
    for order, many, few in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if many * 10 > len(sample) and few * 10 < many:
            return order
    if len(sample) < 4 or len(content) % 2 or _is_utf8(sample):
        return None
    best = max(_WIDE, key=lambda order: _score(sample, order))
    rivals = max(_score(sample, encoding) for encoding in _EAST_ASIAN)
    return best if _score(sample, best) > max(_GOOD, rivals) else None


def _encoding(sample: bytes, declared: str | None) -> str:
    """The charset of what is no UTF-8. A declaration holds unless another charset makes far better sense."""
    scores = {encoding: _score(sample, encoding) for encoding in _EAST_ASIAN}
    best = max(scores, key=lambda encoding: scores[encoding])
    makes_sense = scores[best] < max(_GOOD, scores.get(declared or "", 0) + _CLEARLY_BETTER)
    if declared is not None and makes_sense and _reads(sample, declared):
        return declared
    if scores[best] >= _GOOD:
        return best
    guess = from_bytes(sample, cp_isolation=_ALPHABETS).best()
    return guess.encoding if guess is not None else "cp1252"


def _score(sample: bytes, encoding: str) -> float:
    """How much of what is not ASCII is common in the languages that the encoding is for, at most 1; odd signs weigh."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    foreign = _ASCII.sub("", text)
    return (len(_common(encoding).findall(foreign)) - 3 * len(_ODD.findall(foreign))) / max(1, len(foreign))


@cache
def _common(encoding: str) -> re.Pattern[str]:
    return re.compile(_COMMON[encoding])


def _reads(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8, be it with a damaged place or the end cut off."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        bad = content.decode("utf-8", errors="replace").count("\ufffd")
        return sum(1 for _ in _UTF8_SEQUENCE.finditer(content)) > _MOSTLY_UTF8 * bad
    return True


def _python_name(declared: str | None) -> str | None:
    """The codec for a charset as the web declares it; none for unknown ones and for codecs that are no charsets."""
    if declared is None:
        return None
    label = declared.strip().lower()
    try:
        codec = codecs.lookup(_ALIASES.get(label, label))
    except (LookupError, ValueError):
        return None
    if codec.name.startswith(("utf-16", "utf-32", "utf-7")):
        return None  # a page in which the declaration can be read is in none of them
    # Codecs such as base64 and rot13 are no charsets, and only this private mark tells them from those.
    return codec.name if getattr(codec, "_is_text_encoding", False) else None
