from typing import cast

import pytest
from docx.oxml.parser import parse_xml

from ingestion.parsers.docx.formulas import formula
from ingestion.parsers.docx.xml_tree import Element

MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def written(math: str) -> str:
    return formula(cast("Element", parse_xml(f"<m:oMath {MATH}>{math}</m:oMath>")))


def m(name: str, *parts: str, properties: str = "") -> str:
    """An element with its parts, `<m:Pr>` first if it has properties, such as `chr=∑`."""
    told = "".join(f"<m:{key} m:val='{value}'/>" for key, _, value in (p.partition("=") for p in properties.split()))
    return f"<m:{name}>{f'<m:{name}Pr>{told}</m:{name}Pr>' if told else ''}{''.join(parts)}</m:{name}>"


def r(text: str) -> str:
    return m("r", f"<m:t xml:space='preserve'>{text}</m:t>")


def e(*inner: str, name: str = "e") -> str:
    return m(name, *(part if part.startswith("<") else r(part) for part in inner))


def f(above: str, below: str, properties: str = "") -> str:
    return m("f", e(above, name="num"), e(below, name="den"), properties=properties)


def power(base: str, exponent: str) -> str:
    return m("sSup", e(base), m("sup", r(exponent)))


def index(base: str, below: str) -> str:
    return m("sSub", e(base), m("sub", r(below)))


def function(name: str, argument: str) -> str:
    return m("func", m("fName", r(name)), e(argument))


def total(below: str, above: str, body: str) -> str:
    return m("nary", m("sub", r(below)) if below else "<m:sub/>", m("sup", r(above)) if above else "<m:sup/>", e(body),
             properties="chr=∑")  # fmt: skip


@pytest.mark.parametrize(
    ("math", "text"),
    [
        (f("a+b", "2"), "(a+b)/2"),
        (f("nx", "1!"), "nx/1!"),
        (f("1", "2a"), "1/(2a)"),
        (f("x", "ab"), "x/(ab)"),
        (f("dy", "dx"), "dy/dx"),
        (f("Income", "Assets"), "Income/Assets"),
        (f("利润", "成本"), "利润/成本"),
        (f("1", m("d", e("2a"))), "1/(2a)"),
        (f("1", f("1", "x")), "1/(1/x)"),
        (r("2") + f("1", "2"), "2 1/2"),
        (f("1", "z") + r("dz"), "1/z dz"),
        (m("d", e(f("n", "k", "type=noBar"))), "(n¦k)"),
    ],
)
def test_a_fraction_says_what_is_above_and_what_below(math: str, text: str) -> None:
    assert written(math) == text


@pytest.mark.parametrize(
    ("math", "text"),
    [
        (power("x", "2"), "x^2"),
        (power("x+y", "2"), "(x+y)^2"),
        (power("2x", "2"), "(2x)^2"),
        (power(f("(x-c)", "v"), "2"), "((x-c)/v)^2"),
        (power(power("x", "2"), "3"), "(x^2)^3"),
        (power(index("x", "1"), "2"), "x_1^2"),
        (power(m("d", e("1+", f("1", "n"))), "n"), "(1+1/n)^n"),
        (power("e", "2x"), "e^(2x)"),
        (power("e", "*"), "e^*"),
        (power("cos", "2"), "cos^2"),
        (power("x", "k") + power("a", "n-k"), "x^k a^(n-k)"),
        (index("a", "ij") + r("b"), "a_ij b"),
        (index("x+y", "n") + r("+1"), "(x+y)_n+1"),
        (m("sSubSup", e(f("a", "b")), m("sub", r("i=1")), m("sup", r("n"))), "(a/b)_(i=1)^n"),
        (index("a", "n") + function("cos", "x"), "a_n cos x"),
        (r("n") + m("sPre", m("sub", r("6")), m("sup", r("14")), e("C")), "n _6^14 C"),
        (m("limLow", e("lim"), m("lim", r("n→∞"))), "lim_(n→∞)"),
        (power("(" * 200 + "x", "2"), "(" + "(" * 200 + "x)^2"),
    ],
)
def test_a_power_or_an_index_says_what_it_belongs_to_and_where_it_ends(math: str, text: str) -> None:
    assert written(math) == text


@pytest.mark.parametrize(
    ("math", "text"),
    [
        (total("i=1", "", "i"), "∑_(i=1)i"),
        (total("", "", "x"), "∑x"),
        (total("0", "2", "x"), "∑_0^2 x"),
        (total("i", "", "x+1"), "∑_i(x+1)"),
        (function("cos", f("nx", "L")), "cos(nx/L)"),
        (function("log", m("d", e("x"))), "log(x)"),
        (m("rad", "<m:deg/>", e("2")), "√(2)"),
        (m("rad", m("deg", r("3")), e("x")), "√[3](x)"),
        (m("d", e("x")), "(x)"),
        (m("d", e("A"), e("B")), "(A|B)"),
        (m("d", e("a"), e("b"), properties="sepChr=,"), "(a,b)"),
        (m("bar", e("x"), properties="pos=top"), "x\u0305"),
        (m("bar", e("x")), "x\u0332"),
        (m("acc", e("x")), "x\u0302"),
        (m("eqArr", e("x&amp;=1"), e("y&amp;=2")), "x=1; y=2"),
        (m("m", m("mr", e("1"), e("0")), m("mr", e("0"), e("1"))), "1 0; 0 1"),
    ],
)
def test_what_signs_and_functions_stand_before_is_told(math: str, text: str) -> None:
    assert written(math) == text
