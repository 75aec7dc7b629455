"""Regions as they are kept and sent: flat lists of numbers."""

from collections.abc import Sequence

from retrieval.types import Region


def flat(region: Region) -> list[float | int]:
    """[start, end, page], then the four sides of the box where there is one, then 1 where the text was recognised.

    What was recognised always has a box.
    """
    place: list[float | int] = [region.start, region.end, region.page]
    if region.box is None:
        return place
    return [*place, *region.box, 1] if region.recognised else [*place, *region.box]


def region_of(flat: Sequence[float | int]) -> Region:
    """The region that `flat` wrote; raises ValueError for what it cannot have written."""
    match flat:
        case [start, end, page]:
            return Region(int(start), int(end), int(page), None)
        case [start, end, page, x0, y0, x1, y1, *mark] if mark in ([], [1]):
            box = (float(x0), float(y0), float(x1), float(y1))
            return Region(int(start), int(end), int(page), box, recognised=bool(mark))
        case _:
            raise ValueError(f"no region has {len(flat)} numbers like these")
