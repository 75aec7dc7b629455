"""Word's formulas on one line: a fraction with its bar, powers and indices with their signs, sums with their letter."""

from collections.abc import Iterator

from ingestion.parsers.docx.xml_tree import Element, name_of

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_BEFORE = {"sup": "^", "sub": "_", "lim": "_", "den": "/", "num": "", "deg": ""}
_SIGNS = frozenset("+-−±=<>*/·× ,")


def formula(element: Element) -> str:
    """The text of an `m:` element and all that is inside it."""
    return "".join(_parts(element))


def _parts(element: Element) -> Iterator[str]:
    for child in element:
        match name_of(child):
            case "t":
                yield child.text or ""
            case "nary":
                yield _character(child, "naryPr", "chr", "∫")
                yield formula(child)
            case "rad":
                yield f"√({formula(child)})"
            case "d":
                begin, end = _character(child, "dPr", "begChr", "("), _character(child, "dPr", "endChr", ")")
                yield f"{begin}{', '.join(formula(part) for part in child if name_of(part) == 'e')}{end}"
            case "acc":
                yield formula(child) + _character(child, "accPr", "chr", "\u0302")
            case "fName":
                yield f"{formula(child)} "
            case "mr":
                yield f"{' '.join(formula(part) for part in child)}; "
            case "sup" | "sub" | "lim" | "num" | "den" | "deg" as name:
                if inner := formula(child):
                    yield _BEFORE[name] + (f"({inner})" if _is_compound(inner) else inner)
            case name if name.endswith("Pr"):
                continue
            case _:
                yield from _parts(child)


def _is_compound(text: str) -> bool:
    return not _SIGNS.isdisjoint(text) and not (text[0] == "(" and text[-1] == ")" and text.count("(") == 1)


def _character(element: Element, properties: str, name: str, otherwise: str) -> str:
    """A sign that the properties name; present without a value, there is none."""
    found = element.find(f"{_MATH}{properties}/{_MATH}{name}")
    return otherwise if found is None else found.get(f"{_MATH}val") or ""
