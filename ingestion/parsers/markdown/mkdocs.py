"""Markdown as MkDocs sites write it → plain Markdown: admonitions, includes and attributes are not text."""

import re

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ADMONITION = re.compile(r"[ \t]*/{3,}[ \t]*[\w-]*[ \t]*(?:\|[ \t]*(?P<title>.*))?$")  # /// note | Title … ///
_CALLOUT = re.compile(r'(?:!!!|\?\?\?\+?)[ \t]+[\w-]+(?:[ \t]+"(?P<title>[^"]*)")?[ \t]*$')  # !!! note "Title"
_INCLUDE = re.compile(r"[ \t]*(?:\{\*.*\*\}|\{!.*!\})[ \t]*$")  # {* ../../docs_src/first.py hl[1] *}
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]*[#.][^{}\n]*\}")  # { #anchor } and {.class target=_blank}
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")


def plain(markdown: str) -> str:
    """Return Markdown without MkDocs' own marks; admonitions keep their title and text, code stays untouched."""
    lines: list[str] = []
    fence, callout = "", False
    for line in markdown.split("\n"):
        body = line
        if callout:
            callout = not line.strip() or line.startswith(("    ", "\t"))
            body = line.removeprefix("    ") if callout else line
        if mark := _FENCE.match(body):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and body.strip() == mark[1]:
                fence = ""
            lines.append(body)
        elif fence:
            lines.append(body)
        elif match := _ADMONITION.match(body) or _CALLOUT.match(body):
            callout = callout or match.re is _CALLOUT
            lines += ["", match["title"] or "", ""]
        elif not _INCLUDE.match(body):
            lines.append(_without_attributes(body))
    return "\n".join(lines)


def _without_attributes(line: str) -> str:
    """Drop a heading's attributes, and those right after a link's or image's closing bracket."""
    if "{" not in line:
        return line
    if _HEADING.match(line):
        return _ATTRIBUTES.sub("", line)
    return re.sub(r"\)\{:?[ \t]*[#.][^{}\n]*\}", ")", line)
