import json

import httpx
import pytest

from app.auth import fingerprint, well_formed
from tests.app.running import Running

KEYS = "/v1/admin/keys"


def test_a_key_is_shown_once_and_works(service: Running, admin: httpx.Client) -> None:
    made = admin.post(KEYS, json={"name": "Ann", "role": "reader", "collections": ["default"]})
    body = made.json()
    assert made.status_code == 201
    assert (body["name"], body["role"], body["collections"], body["last_used_at"]) == (
        "Ann",
        "reader",
        ["default"],
        None,
    )
    assert well_formed(body["key"], "api")
    with service.client(body["key"]) as ann:
        assert ann.get("/v1/session").json() == {
            "id": body["id"],
            "name": "Ann",
            "role": "reader",
            "collections": ["default"],
            "limited": True,
        }
    listed = admin.get(KEYS)
    assert body["id"] in [key["id"] for key in listed.json()["items"]]
    assert body["key"] not in listed.text
    assert fingerprint(body["key"]) not in listed.text


def test_a_key_without_collections_reads_those_that_come_later_too(service: Running, admin: httpx.Client) -> None:
    secret = admin.post(KEYS, json={"name": "all"}).json()["key"]
    admin.post("/v1/admin/collections", json={"name": "later"})
    with service.client(secret) as client:
        assert "later" in client.get("/v1/session").json()["collections"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "x", "role": "owner"},
        {"name": "x", "collections": []},
        {"name": "x", "role": "admin", "collections": ["default"]},
        {"name": "x", "sha256": "a" * 64},
        {"name": "x\0"},
        {"name": "\ud800"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(body: dict[str, object], admin: httpx.Client) -> None:
    reply = admin.post(KEYS, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")


def test_a_key_for_an_unknown_collection_is_not_made(admin: httpx.Client) -> None:
    assert admin.post(KEYS, json={"name": "x", "collections": ["default", "nowhere"]}).status_code == 404


def test_a_revoked_key_falls_with_its_sessions(service: Running, admin: httpx.Client) -> None:
    made = admin.post(KEYS, json={"name": "short"}).json()
    with service.client() as browser:
        browser.post("/v1/session", json={"key": made["key"]})
        assert browser.get("/v1/session").status_code == 200
        assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
        assert browser.get("/v1/session").status_code == 401
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 404


def test_a_key_cannot_lock_itself_out(admin: httpx.Client) -> None:
    own = admin.get("/v1/session").json()["id"]
    assert admin.delete(f"{KEYS}/{own}").status_code == 422
    assert admin.get("/v1/session").status_code == 200
