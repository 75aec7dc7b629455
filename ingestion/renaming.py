"""Vectors of passages whose document has only another name than its version before: they are not embedded again.

A file's name is a title where the file has none of its own, and titles are part of what the model reads. One word of
it says less about a passage than its text does, and searches by words know the new name in any case. A title that the
file or its uploader declares is another matter: under another one all is embedded anew.
"""

from collections.abc import Iterator, Sequence

from ingestion.chunking import identity, with_title
from ingestion.ports import VersionStore
from ingestion.title import title_of
from ingestion.types import ChunkDraft, Job
from retrieval.ports import Embedder
from retrieval.types import PassageEmbedding


def recalled(
    versions: VersionStore, job: Job, own_title: str, drafts: Sequence[ChunkDraft], embedder: Embedder
) -> dict[str, PassageEmbedding]:
    """By draft key: the vectors of the same passages under the former name, as far as the collection has them."""
    if job.former_name is None or not drafts:
        return {}
    now, former = (title_of(own_title, job.metadata, name) for name in (job.name, job.former_name))
    if now == former:
        return {}
    keys = {
        draft.key: [
            identity(headings, draft.text, embedder.window, embedder.count_tokens)[1]
            for headings in _under(former, now, draft.headings)
        ]
        for draft in drafts
    }
    wanted = [key for former_keys in keys.values() for key in former_keys]
    vectors = versions.vectors(job.collection, job.fingerprint, wanted)
    sentences = {draft.key: len(draft.sentences) for draft in drafts}
    return {
        key: vectors[former_key]
        for key, former_keys in keys.items()
        for former_key in former_keys
        if former_key in vectors and len(vectors[former_key].sentence_vectors) == sentences[key]
    }


def _under(former: str, now: str, headings: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The headings under the former title; the first one may be the title, the section's own, or both in one."""
    yield with_title(former, headings)
    if headings[:1] == with_title(now, ()):
        yield with_title(former, headings[1:])
