"""What /openapi.json says of a reply is what comes."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.app.running import Running

QUESTION = {"question": "At what temperature does gallium melt?"}


@pytest.fixture(scope="module")
def description(service: Running) -> dict[str, Any]:
    with service.client(service.admin_secret) as client:
        return client.get("/openapi.json").json()


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, each) for path, item in description["paths"].items() for method, each in item.items()]


def misfits(description: dict[str, Any], route: str, reply: httpx.Response) -> list[str]:
    """What of the reply is not as it is described."""
    method, path = route.split(" ")
    responses = description["paths"][path][method.lower()]["responses"]
    told = responses.get(str(reply.status_code), responses["default"])
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    if reply.status_code != 204 and media_type not in told.get("content", {}):
        return [f"{media_type} is not described"]
    if not reply.content or not media_type.endswith("json"):
        return []
    schema = {**told["content"][media_type].get("schema", {}), "components": description["components"]}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(reply.json())]


def test_every_route_tells_of_the_problems_that_come_and_of_no_other_errors(description: dict[str, Any]) -> None:
    for method, path, operation in operations(description):
        content = operation["responses"]["default"]["content"]
        assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, path
        assert "422" not in operation["responses"], (method, path)
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_every_reply_with_a_body_has_a_media_type(description: dict[str, Any]) -> None:
    silent = [
        (method, path)
        for method, path, operation in operations(description)
        for status, told in operation["responses"].items()
        if status != "204" and not told.get("content")
    ]
    assert silent == []


def test_all_but_the_open_routes_need_a_key(description: dict[str, Any]) -> None:
    assert set(description["components"]["securitySchemes"]) == {"key", "session"}
    assert description["security"] == [{"key": []}, {"session": []}]
    open_routes = {(method, path) for method, path, each in operations(description) if each.get("security") == []}
    health = {(method, path) for method in ("get", "head") for path in ("/livez", "/readyz")}
    assert open_routes == {*health, ("post", "/v1/session")}


def test_replies_and_problems_are_as_they_are_described(
    description: dict[str, Any], admin: httpx.Client, public_id: str
) -> None:
    conversation = admin.post("/v1/conversations", json={}).json()["id"]
    answer = admin.post("/v1/answers", json={**QUESTION, "conversation_id": conversation})
    kept = answer.json()["id"]
    job = admin.get(f"/v1/documents/{public_id}").json()["job_id"]
    replies = {
        "POST /v1/answers": answer,
        "GET /v1/answers/{id}": admin.get(f"/v1/answers/{kept}"),
        "POST /v1/answers/{id}/feedback": admin.post(f"/v1/answers/{kept}/feedback", json={"rating": 1}),
        "GET /v1/conversations/{id}": admin.get(f"/v1/conversations/{conversation}"),
        "GET /v1/conversations": admin.get("/v1/conversations"),
        "POST /v1/search": admin.post("/v1/search", json={"query": "gallium"}),
        "GET /v1/documents": admin.get("/v1/documents"),
        "GET /v1/documents/{id}/chunks": admin.get(f"/v1/documents/{public_id}/chunks"),
        "GET /v1/documents/{id}/versions": admin.get(f"/v1/documents/{public_id}/versions"),
        "GET /v1/jobs/{id}": admin.get(f"/v1/jobs/{job}"),
        "GET /v1/jobs/{id}/events": admin.get(f"/v1/jobs/{job}/events"),
        "GET /v1/suggestions": admin.get("/v1/suggestions"),
        "GET /v1/admin/collections": admin.get("/v1/admin/collections"),
        "GET /v1/admin/collections/{name}/export": admin.get("/v1/admin/collections/default/export"),
        "POST /v1/admin/collections/import": admin.post("/v1/admin/collections/import", content=b"none"),
        "GET /v1/admin/keys": admin.get("/v1/admin/keys"),
        "GET /v1/admin/health": admin.get("/v1/admin/health"),
        "GET /v1/admin/feedback": admin.get("/v1/admin/feedback"),
        "GET /v1/admin/calibration": admin.get("/v1/admin/calibration"),
        "GET /metrics": admin.get("/metrics"),
        "GET /readyz": admin.get("/readyz"),
        "POST /v1/admin/documents": admin.post("/v1/admin/documents", files={"file": ("a.txt", b"Described.")}),
        "PUT /v1/admin/documents/{id}": admin.put("/v1/admin/documents/doc_1", data={"x": "y"}),
        "PATCH /v1/conversations/{id}": admin.patch("/v1/conversations/con_1", json={}),
        "DELETE /v1/conversations/{id}": admin.delete(f"/v1/conversations/{conversation}"),
    }
    wrong = {route: misfits(description, route, reply) for route, reply in replies.items()}
    assert {route: found for route, found in wrong.items() if found} == {}


def test_an_answers_text_is_described_as_a_tree(description: dict[str, Any]) -> None:
    node = description["components"]["schemas"]["Node"]
    assert set(node["properties"]) == {"kind", "text", "level", "start", "label", "sentence", "children"}
    assert node["required"] == ["kind"]
