"""What all that reads a page's tree needs of selectolax."""

from collections.abc import Container, Generator, Iterable
from contextlib import contextmanager

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

_UNSEEN = frozenset(("script", "style", "template", "noscript", "head", "title"))


@contextmanager
def memory_errors() -> Generator[None]:
    """Raise MemoryError for what selectolax cannot do: with room, any page makes a tree and any tree can be changed."""
    try:
        yield
    except SelectolaxError as error:
        raise MemoryError from error


def matching(tree: LexborHTMLParser | LexborNode, selector: str) -> dict[int, LexborNode]:
    """The elements that match, each once, by their id, in document order; selectolax gives some of them again."""
    return {node.mem_id: node for node in tree.css(selector)}


def drop(nodes: Iterable[LexborNode]) -> None:
    """Take elements out, the last first: what lies inside another is gone when that one goes."""
    for node in reversed(list(nodes)):
        node.decompose()


def text_lengths(root: LexborNode, wanted: Container[int]) -> dict[int, int]:
    """How many characters of text, spaces and scripts not counted, each wanted element and the root hold."""
    total, lengths = 0, dict[int, int]()
    open_now: list[tuple[int, int]] = []  # with what was there before it
    for node in root.traverse(include_text=True):
        parent = node.parent
        while open_now and (parent is None or open_now[-1][0] != parent.mem_id):
            ended, before = open_now.pop()
            if ended in wanted:
                lengths[ended] = total - before
        if node.tag == "-text":
            total += len("".join((node.text_content or "").split())) if parent and parent.tag not in _UNSEEN else 0
        else:
            open_now.append((node.mem_id, total))
    lengths |= {ended: total - before for ended, before in open_now if ended in wanted}
    return lengths | {root.mem_id: total}
