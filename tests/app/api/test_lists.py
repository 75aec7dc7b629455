"""Every list is given a page at a time, and its pages together are the list."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.app.running import Running

LISTS = ("/v1/documents", "/v1/admin/collections", "/v1/admin/keys", "/v1/documents/{id}/versions")


def walked(client: httpx.Client, path: str, limit: int) -> list[Any]:
    """All rows, and no page but the last is short."""
    seen: list[Any] = []
    cursor: str | None = None
    while True:
        page = client.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            assert 0 < len(page["items"]) <= limit
            return seen
        assert len(page["items"]) == limit


@pytest.fixture(scope="module")
def several(service: Running, admin: httpx.Client, public_id: str) -> str:
    """At least four rows in every list; gives the document with the versions."""
    for number in range(3):
        admin.post("/v1/admin/collections", json={"name": f"财务 {number}"})
        admin.post("/v1/admin/keys", json={"name": f"key {number}", "collections": ["default", "private"]})
        service.upload(f"{number}.txt", f"Number {number}.")
        admin.put(f"/v1/admin/documents/{public_id}", files={"file": ("a.txt", f"Version {number}.".encode())})
    return public_id


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_any_size_make_up_the_same_list(path: str, several: str, admin: httpx.Client) -> None:
    address = path.format(id=several)
    whole = walked(admin, address, 500)
    assert len(whole) >= 4
    assert walked(admin, address, 1) == whole
    assert walked(admin, address, 3) == whole


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=%00"])
def test_a_page_out_of_bounds_is_refused(path: str, query: str, several: str, admin: httpx.Client) -> None:
    assert admin.get(f"{path.format(id=several)}?{query}").status_code == 422


def cursor_of(*told: object) -> str:
    """A cursor as lists give it that are sorted by something else than the id."""
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


OTHERS = ("", "x-x", "doc_1", cursor_of("a.md", f"doc_{0:026}"))
NO_CURSORS = [
    *(("/v1/admin/collections", cursor) for cursor in ("", "x-x")),  # any text may be a collection's name
    *(
        (path, cursor)
        for cursor in OTHERS
        for path in (
            "/v1/documents",
            "/v1/documents/{id}/versions",
            "/v1/documents/{id}/versions/1/compare/2",
            "/v1/documents/{id}/chunks",
            "/v1/conversations",
            "/v1/admin/keys",
            "/v1/admin/feedback",
            "/v1/admin/evaluations",
        )
    ),
]


@pytest.mark.parametrize(("path", "cursor"), NO_CURSORS)
def test_a_cursor_that_no_page_gave_is_refused_and_is_not_the_end_of_the_list(
    path: str, cursor: str, several: str, admin: httpx.Client
) -> None:
    reply = admin.get(path.format(id=several), params={"cursor": cursor})
    assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:invalid_cursor")


@pytest.mark.parametrize(
    ("sort", "told"),
    [
        ("name", ("\ud800", f"doc_{0:026}")),
        ("name", ("a.md", "doc_\ud800")),
        ("updated", ("0001-01-01T00:00:00+14:00", f"doc_{0:026}")),
        ("updated", ("9999-12-31T23:59:59-14:00", f"doc_{0:026}")),
        ("updated", ("2026-11-30T12:00:00", f"doc_{0:026}")),
        ("size", (5, "doc_\ud800")),
    ],
)
def test_a_made_up_cursor_is_refused_before_it_meets_the_database(
    sort: str, told: tuple[object, str], several: str, admin: httpx.Client
) -> None:
    reply = admin.get("/v1/documents", params={"sort": sort, "cursor": cursor_of(*told)})
    assert (reply.status_code, reply.json()["type"]) == (422, "urn:openbook:problem:invalid_cursor")
