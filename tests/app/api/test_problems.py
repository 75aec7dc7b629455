import errno
import inspect
import json

import httpx
import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from app import auth
from app.api import problems
from app.api.answers import Asked
from app.db import errors as db
from app.http import gate, limits
from generation import errors as generation
from ingestion import errors as ingestion
from retrieval import errors as retrieval

MODULES = (auth, gate, limits, problems, db, generation, ingestion, retrieval)
NEVER_TOLD = {
    "NoLongerWanted": "ends a parse in the worker",
    "SchemaTooNew": "stops the start",
}


def leaves() -> list[type[Exception]]:
    """Every error of ours that has no more special one below it."""
    found = {
        error
        for module in MODULES
        for _, error in inspect.getmembers(module, inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == module.__name__
    }
    return sorted((error for error in found if not error.__subclasses__()), key=lambda error: error.__name__)


@pytest.mark.parametrize("error", leaves(), ids=lambda error: error.__name__)
def test_every_error_of_ours_has_its_place_in_the_table(error: type[Exception]) -> None:
    known = any(kind in problems.SHAPES for kind in error.__mro__)
    assert known is (error.__name__ not in NEVER_TOLD)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ingestion.TooLarge("a.pdf: too large"), 413, "too_large"),
        (ingestion.Unreadable("a.pdf: damaged"), 422, "unreadable"),
        (retrieval.ModelUnavailable("/opt/models is not there"), 503, "search_unavailable"),
        (db.StorageFull("disk I/O error"), 507, "storage_full"),
        (db.DatabaseUnavailable("postgresql://user@host"), 503, "database_unavailable"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/blobs/x"), 507, "storage_full"),
        (OSError(errno.EACCES, "denied", "/data/blobs/x"), 500, "internal"),
        (limits.TooManyRequests("at most 5 a minute", 3.2), 429, "too_many_requests"),
        (KeyError("secret"), 500, "internal"),
    ],
)
def test_an_error_is_told_by_its_row(error: Exception, status: int, kind: str) -> None:
    told = problems.problem(error, "abc")
    assert (told.status, told.body["type"], told.body["request_id"]) == (status, f"urn:openbook:problem:{kind}", "abc")
    assert set(told.body) == {"type", "title", "status", "detail", "request_id"}


@pytest.mark.parametrize(
    "error",
    [
        KeyError("secret"),
        OSError(errno.EACCES, "secret", "/secret"),
        db.DatabaseUnavailable("secret"),
        db.InvalidValue("secret"),
        retrieval.ModelUnavailable("secret"),
        generation.GeneratorUnavailable("secret"),
        ingestion.UnknownDocument("secret"),
        retrieval.UnknownCollection("secret"),
        ingestion.ParserCrashed("secret"),
    ],
)
def test_what_is_not_for_clients_stays_inside(error: Exception) -> None:
    assert "secret" not in json.dumps(problems.problem(error, None).body)


def test_every_refusal_that_passes_says_when_to_come_back() -> None:
    for kind, shape in problems.SHAPES.items():
        if shape.status in (429, 503, 507) and not issubclass(kind, limits.LimitReached):
            assert shape.retry_after, kind


def test_a_wait_is_rounded_up() -> None:
    told = problems.problem(limits.TooManyRequests("", 3.2), None)
    assert told.headers["Retry-After"] == "4"


@pytest.mark.parametrize("cause", [limits.BodyTooLarge("b"), OSError(errno.ENOSPC, "full"), auth.NotAuthenticated("n")])
def test_what_broke_a_form_is_told_instead_of_the_broken_form(cause: Exception) -> None:
    wrapped = HTTPException(400, "There was an error parsing the body")
    wrapped.__cause__ = cause
    assert problems.problem(wrapped, None) == problems.problem(cause, None)


def test_a_framework_error_keeps_its_status_and_headers() -> None:
    told = problems.problem(HTTPException(416, "Range Not Satisfiable", {"Content-Range": "bytes */5"}), "abc")
    assert (told.status, told.headers["Content-Range"]) == (416, "bytes */5")


def test_half_a_surrogate_pair_in_a_field_name_is_told_all_the_same() -> None:
    error = RequestValidationError([{"loc": ("body", "\ud800"), "msg": "Extra inputs", "type": "extra_forbidden"}])
    sent = problems.response(problems.problem(error, None))
    assert json.loads(bytes(sent.body))["errors"][0]["loc"] == ["body", "\ud800"]


def test_many_errors_are_not_all_told() -> None:
    error = RequestValidationError([{"loc": ("body", n), "msg": "no", "type": "x"} for n in range(1000)])
    assert len(problems.problem(error, None).body["errors"]) == 20


def test_an_empty_text_is_not_spoken_of_as_a_list() -> None:
    with pytest.raises(ValidationError) as empty:
        Asked.model_validate({"question": ""})
    error = RequestValidationError(empty.value.errors())
    assert problems.problem(error, None).body["detail"] == "question: String should have at least 1 character"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "detail"),
    [
        (
            b'{"query": "tin"}',
            "text/plain",
            422,
            "body: Input should be JSON, sent with Content-Type: application/json",
        ),
        (
            b'{"query": "tin"}',
            "application/x-www-form-urlencoded",
            422,
            "body: Input should be JSON, sent with Content-Type: application/json",
        ),
        (b"{'query': 1}", "application/json", 422, "body.1: JSON decode error: Expecting property name"),
        (b'{"query": "caf\xe9"}', "application/json", 400, "The body is not UTF-8."),
        (b"[" * 100_000, "application/json", 400, "The body is nested too deeply."),
        (b'{"query": "a\\u0000"}', "application/json", 422, "body.query: the character U+0000 is not allowed"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_the_way_out(
    content: bytes, content_type: str, status: int, detail: str, reader: httpx.Client
) -> None:
    reply = reader.post("/v1/search", content=content, headers={"Content-Type": content_type})
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.json()["detail"].startswith(detail)


NO_VALUE = "Input should be text, a number, true or false, or a flat list of those"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, f": {NO_VALUE}"),
        ({"b": 1}, f": {NO_VALUE}"),
        ([["b"]], f".list.0: {NO_VALUE}"),
        ("x" * 1025, ".text: String should have at most 1024 characters"),
        ([1] * 101, ".list: Tuple should have at most 100 items after validation, not 101"),
    ],
)
def test_a_value_that_no_filter_could_compare_is_named_once(value: object, told: str, admin: httpx.Client) -> None:
    described = {"metadata": {"year": value}}
    changed = admin.patch("/v1/admin/documents/doc_1", json=described)
    assert (changed.status_code, changed.json()["detail"]) == (422, f"body.metadata.year{told}")
    form = {"metadata": json.dumps(described["metadata"])}
    uploaded = admin.post("/v1/admin/documents", files={"file": ("a.txt", b"a")}, data=form)
    assert (uploaded.status_code, uploaded.json()["detail"]) == (422, f"metadata.year{told}.")


def test_a_filters_value_is_named_once_too(reader: httpx.Client) -> None:
    test = {"field": "metadata.year", "op": "eq", "value": {"b": 1}}
    reply = reader.post("/v1/search", json={"query": "tin", "filter": {"all": [test]}})
    assert (reply.status_code, reply.json()["detail"]) == (422, f"body.filter.all.0.value: {NO_VALUE}")
