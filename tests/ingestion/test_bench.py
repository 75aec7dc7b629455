"""Whose turn it is on a worker's bench, when several threads ask."""

from ingestion.bench import Bench
from ingestion.pipeline import PIECE, Parsed, Work
from ingestion.types import Blob, BlobKey, ChunkDraft, DocumentId, Job, JobId, ParsedDocument, VersionId, WorkerId
from retrieval.types import CollectionId

AT_ONCE = 0.0


def parsed(number: int, chunks: int, fingerprint: str = "mine") -> Parsed:
    job = Job(
        id=JobId(str(number)),
        worker=WorkerId("w"),
        attempt=1,
        stage="publish",
        document=DocumentId(str(number)),
        version=VersionId(number),
        collection=CollectionId(1),
        generation=1,
        fingerprint=fingerprint,
        blob=Blob(BlobKey(str(number)), "", 1),
        media_type="text/markdown",
        name=f"{number}.md",
        metadata={},
    )
    drafts = [ChunkDraft(f"{number}-{place}", "", "text", (), (), (), (), "en", 1) for place in range(chunks)]
    return Parsed(job, ParsedDocument("", (), (), {}, ()), tuple(drafts))


def bench_with(*documents: Parsed) -> Bench:
    bench = Bench()
    for one in documents:
        bench.add(one)
    return bench


def numbers(work: Work | None) -> list[int]:
    return [int(one.job.id) for one in work.parsed] if work else []


def taken(bench: Bench) -> Work:
    work = bench.next(AT_ONCE)
    assert work is not None
    return work


def test_notes_are_taken_together_and_while_they_are_in_hand_a_few_more_wait() -> None:
    bench = bench_with(parsed(1, 2), parsed(2, 3))
    first = taken(bench)
    bench.add(parsed(3, 4))

    assert numbers(first) == [1, 2]
    assert bench.next(AT_ONCE) is None
    bench.remove(first)
    assert numbers(bench.next(AT_ONCE)) == [3]


def test_the_chunks_that_wait_are_those_of_notes_in_nobodys_hand() -> None:
    bench = bench_with(parsed(1, 2), parsed(2, 3), parsed(3, PIECE + 1), parsed(4, PIECE - 4), parsed(5, 1, "other"))
    assert bench.small() == PIECE + 2

    taken(bench)
    assert bench.small() == PIECE - 3
    bench.clear("mine")
    assert bench.small() == 1


def test_as_many_notes_as_fill_a_piece_do_not_wait() -> None:
    bench = bench_with(parsed(1, PIECE), parsed(2, PIECE))

    assert [numbers(bench.next(AT_ONCE)) for _ in range(3)] == [[1], [2], []]


def test_a_book_is_in_one_hand_at_a_time_and_comes_back_for_its_next_piece() -> None:
    bench = bench_with(parsed(1, PIECE + 1))
    book = taken(bench)

    assert bench.next(AT_ONCE) is None
    bench.put_back(book)
    assert bench.next(AT_ONCE) is book
    bench.remove(book)
    assert bench.next(AT_ONCE) is None
    assert bench.large() == 0


def test_a_note_goes_in_beside_a_book_that_is_in_hand() -> None:
    bench = bench_with(parsed(1, PIECE + 1))
    taken(bench)
    bench.add(parsed(2, 1))

    assert numbers(bench.next(AT_ONCE)) == [2]


def test_clearing_leaves_what_is_in_hand_and_what_another_embedder_waits_for() -> None:
    bench = bench_with(parsed(1, PIECE + 1), parsed(2, PIECE + 1), parsed(3, 1), parsed(4, 1, "another"))
    first = taken(bench)
    book = taken(bench)

    assert (numbers(first), numbers(book)) == ([3], [1])
    assert [int(job.id) for job in bench.clear("mine")] == [2]
    bench.remove(first)
    bench.put_back(book)
    assert [numbers(bench.next(AT_ONCE)) for _ in range(3)] == [[4], [1], []]


def test_split_documents_get_a_turn_each() -> None:
    bench = bench_with(parsed(1, 1), parsed(2, 1))
    both = taken(bench)
    bench.remove(both)
    bench.split(both)

    assert [numbers(bench.next(AT_ONCE)) for _ in range(3)] == [[1], [2], []]
