"""Replies that are remembered by their Idempotency-Key, so that a retried request does nothing twice."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, BinaryIO

from fastapi import Header

from app.api.problems import IdempotencyMismatch, StillWorking
from app.db.people.idempotency import IdempotencyStore
from app.db.types import KeyId

_BLOCK = 1 << 20

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


def once(
    store: IdempotencyStore,
    key: KeyId,
    idempotency_key: str | None,
    request: Callable[[], str],
    work: Callable[[], Mapping[str, Any]],
    status: int,
) -> Mapping[str, Any]:
    """What the work gives, or gave when it was asked for before under this Idempotency-Key; failures are not kept.

    `request` gives the request's hash. Raises IdempotencyMismatch when the key stands for another request, and
    StillWorking when the first one has not ended.
    """
    if idempotency_key is None:
        return work()
    asked = request()
    reply = store.begin(key, idempotency_key, asked)
    if reply is not None:
        if reply.request != asked:
            raise IdempotencyMismatch("use a new Idempotency-Key for a new request")
        if reply.body is None:
            raise StillWorking("ask again in a moment")
        return reply.body
    try:
        body = work()
    except BaseException:
        store.abandon(key, idempotency_key)
        raise
    store.finish(key, idempotency_key, status, body)
    return body


def hash_of(texts: Iterable[str], files: Iterable[tuple[str, BinaryIO]]) -> str:
    """One hash over all that makes the request what it is; the files are left at their start."""
    parts = [hashlib.sha256(text.encode()).digest() for text in texts]
    for name, content in files:
        digest = hashlib.sha256()
        content.seek(0)
        while block := content.read(_BLOCK):
            digest.update(block)
        content.seek(0)
        parts += [hashlib.sha256(name.encode()).digest(), digest.digest()]
    return hashlib.sha256(b"".join(parts)).hexdigest()
