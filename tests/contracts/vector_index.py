"""What every vector index must do; a backend's test class inherits it and says how to make one."""

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import IndexDamaged
from retrieval.ports import Persistent, VectorIndex
from retrieval.types import ChunkIds, Matrix, Scored

DIM = 16


class PersistentVectorIndex(VectorIndex, Persistent, Protocol):
    """Both ports in one object, as the contract needs it."""


def ids_of(*ids: int) -> ChunkIds:
    return np.array(ids, np.int64)


def vectors_of(count: int, seed: int = 0) -> Matrix:
    drawn = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def found(results: list[Scored]) -> list[int]:
    return [result.id for result in results]


class VectorIndexContract:
    def new_index(self) -> PersistentVectorIndex:
        raise NotImplementedError

    def test_an_empty_index_finds_nothing(self) -> None:
        index = self.new_index()

        assert index.search(vectors_of(1)[0], 5) == []
        assert index.ids().tolist() == []

    def test_the_same_vector_is_found_first_with_a_score_of_one(self) -> None:
        index, vectors = self.new_index(), vectors_of(50)
        index.add(np.arange(100, 150), vectors)

        results = index.search(vectors[7], 3)

        assert results[0].id == 107
        assert results[0].score == pytest.approx(1, abs=2e-3)
        assert len(results) == 3

    def test_results_are_the_nearest_best_first(self) -> None:
        index, vectors = self.new_index(), vectors_of(300)
        index.add(np.arange(300), vectors)
        query = vectors_of(1, seed=1)[0]
        exact = vectors.astype(np.float16).astype(np.float32) @ query

        results = index.search(query, 20)

        assert found(results) == np.argsort(-exact)[:20].tolist()
        assert [result.score for result in results] == pytest.approx(np.sort(exact)[::-1][:20].tolist(), abs=2e-3)

    def test_more_than_there_is_gives_all(self) -> None:
        index = self.new_index()
        index.add(ids_of(3, 1), vectors_of(2))

        assert sorted(found(index.search(vectors_of(1)[0], 10))) == [1, 3]

    def test_equal_vectors_come_in_the_order_of_their_ids(self) -> None:
        index = self.new_index()
        same = np.repeat(vectors_of(1), 60, axis=0)
        ids = np.random.default_rng(0).permutation(60)
        index.add(ids, same)

        assert found(index.search(same[0], 10)) == list(range(10))

    def test_a_removed_vector_is_not_found(self) -> None:
        index, vectors = self.new_index(), vectors_of(10)
        index.add(np.arange(10), vectors)

        index.remove(ids_of(4, 99))

        assert 4 not in found(index.search(vectors[4], 10))
        assert index.ids().tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]

    def test_adding_an_id_again_replaces_its_vector(self) -> None:
        index, vectors = self.new_index(), vectors_of(3)
        index.add(ids_of(1, 2), vectors[:2])

        index.add(ids_of(1), vectors[2:])

        assert index.ids().tolist() == [1, 2]
        assert found(index.search(vectors[2], 1)) == [1]
        assert index.search(vectors[0], 2)[0].score < 0.99

    def test_of_an_id_given_twice_the_later_vector_counts(self) -> None:
        index, vectors = self.new_index(), vectors_of(2)

        index.add(ids_of(1, 1), vectors)

        assert index.ids().tolist() == [1]
        assert index.search(vectors[1], 1)[0].score == pytest.approx(1, abs=2e-3)

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
    def test_only_the_allowed_are_found_and_all_that_belong_there(self, share: float) -> None:
        index, vectors = self.new_index(), vectors_of(400)
        index.add(np.arange(400), vectors)
        allowed = np.flatnonzero(np.random.default_rng(2).random(400) < share)
        query = vectors_of(1, seed=3)[0]
        exact = vectors.astype(np.float16).astype(np.float32) @ query

        results = index.search(query, 10, allowed)

        assert found(results) == allowed[np.argsort(-exact[allowed])][:10].tolist()

    def test_allowed_ids_that_are_not_held_are_passed_over(self) -> None:
        index = self.new_index()
        index.add(ids_of(1), vectors_of(1))

        assert found(index.search(vectors_of(1)[0], 5, ids_of(1, 7))) == [1]

    def test_a_vector_of_another_length_is_refused(self) -> None:
        with pytest.raises(ValueError, match="expected 1 vectors of 16"):
            self.new_index().add(ids_of(1), np.zeros((1, 3), np.float32))

    def test_what_was_saved_is_restored(self, tmp_path: Path) -> None:
        index, vectors = self.new_index(), vectors_of(30)
        index.add(np.arange(30), vectors)
        index.remove(ids_of(3))
        index.save(tmp_path)
        other = self.new_index()
        other.add(ids_of(77), vectors[:1])

        other.restore(tmp_path)

        assert other.ids().tolist() == index.ids().tolist()
        before, after = index.search(vectors[5], 10), other.search(vectors[5], 10)
        assert found(after) == found(before)
        assert [one.score for one in after] == pytest.approx([one.score for one in before], abs=2e-3)

    def test_an_empty_index_is_restored(self, tmp_path: Path) -> None:
        self.new_index().save(tmp_path)
        other = self.new_index()

        other.restore(tmp_path)

        assert other.ids().tolist() == []

    def test_a_folder_that_holds_nothing_is_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(IndexDamaged):
            self.new_index().restore(tmp_path)

    def test_a_file_that_was_cut_is_damaged(self, tmp_path: Path) -> None:
        index = self.new_index()
        index.add(np.arange(30), vectors_of(30))
        index.save(tmp_path)
        longest = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
        longest.write_bytes(longest.read_bytes()[:-100])

        with pytest.raises(IndexDamaged):
            self.new_index().restore(tmp_path)

    def test_searches_hold_while_the_index_changes(self) -> None:
        index, vectors = self.new_index(), vectors_of(200)
        index.add(np.arange(100), vectors[:100])
        seen: list[list[int]] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                seen.append(found(index.search(vectors[5], 1)))

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        for start in range(100, 200, 5):
            index.add(np.arange(start, start + 5), vectors[start : start + 5])
            index.remove(np.arange(start, start + 4))
        done.set()
        for thread in asking:
            thread.join()

        assert {tuple(ids) for ids in seen} == {(5,)}

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        changes=st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 30), max_size=8, unique=True)), max_size=12)
    )
    def test_any_history_ends_with_the_ids_that_are_left(self, changes: list[tuple[bool, list[int]]]) -> None:
        index, vectors = self.new_index(), vectors_of(31)
        left: set[int] = set()
        for adds, ids in changes:
            if adds:
                index.add(ids_of(*ids), vectors[ids])
                left |= set(ids)
            else:
                index.remove(ids_of(*ids))
                left -= set(ids)

        assert index.ids().tolist() == sorted(left)
        for held in left:
            assert found(index.search(vectors[held], 1)) == [held]
