"""What every lexical index must do; a backend's test class inherits it and says how to make one."""

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import IndexDamaged
from retrieval.ports import LexicalIndex, Persistent
from retrieval.ranking import QUESTIONS_WEIGHT, TITLE_WEIGHT
from retrieval.types import ChunkId, ChunkIds, IndexedText, Scored


class PersistentLexicalIndex(LexicalIndex, Persistent, Protocol):
    """Both ports in one object, as the contract needs it."""


def ids_of(*ids: int) -> ChunkIds:
    return np.array(ids, np.int64)


def indexed(id: int, text: str, *headings: str) -> IndexedText:
    return IndexedText(ChunkId(id), headings, text)


def found(results: list[Scored]) -> list[int]:
    return [result.id for result in results]


ANIMALS = [
    indexed(1, "The cat sat on the mat."),
    indexed(2, "A dog and another dog chased the cat."),
    indexed(3, "Horses run in the fields."),
    indexed(4, "今天天气很好，适合骑马。"),
]


class LexicalIndexContract:
    def new_index(self, folder: Path) -> PersistentLexicalIndex:
        raise NotImplementedError

    @pytest.fixture
    def animals(self, tmp_path: Path) -> PersistentLexicalIndex:
        index = self.new_index(tmp_path / "animals")
        index.add(ANIMALS)
        return index

    def test_an_empty_index_finds_nothing(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)

        assert index.search("cat", 5) == []
        assert index.ids().tolist() == []

    def test_only_chunks_with_a_term_of_the_query_are_found(self, animals: PersistentLexicalIndex) -> None:
        assert found(animals.search("cats", 10)) == [1, 2]
        assert found(animals.search("dog", 10)) == [2]
        assert animals.search("elephant", 10) == []

    def test_more_matching_terms_rank_higher(self, animals: PersistentLexicalIndex) -> None:
        results = animals.search("which dogs chased a cat?", 10)

        assert found(results) == [2, 1]
        assert results[0].score > results[1].score > 0

    def test_a_number_of_the_query_counts_twice(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "Sales rose."), indexed(2, "2023 rose.")])

        number, word = index.search("sales in 2023", 10)

        assert (number.id, word.id) == (2, 1)
        assert number.score == pytest.approx(2 * word.score, rel=1e-5)

    def test_word_forms_and_chinese_are_found(self, animals: PersistentLexicalIndex) -> None:
        assert found(animals.search("horse running", 10)) == [3]
        assert found(animals.search("骑马", 10)) == [4]

    def test_headings_are_searched_with_the_text(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "They need water.", "Gardening", "Tomatoes"), indexed(2, "They need water.")])

        assert found(index.search("tomato", 10)) == [1]

    def test_a_title_counts_less_than_the_text(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "Roses need water.", "Soil"), indexed(2, "Soil needs water.", "Roses")])

        in_text, in_title = index.search("rose", 10)

        assert (in_text.id, in_title.id) == (1, 2)
        # one of one term is shorter than average in neither field
        assert in_title.score == pytest.approx(in_text.score * TITLE_WEIGHT, rel=1e-5)

    def test_a_hypothetical_question_finds_its_chunk_and_counts_less_than_the_text(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        asked = [
            IndexedText(ChunkId(1), (), "Roses need water.", ("Soil for whom?",)),
            IndexedText(ChunkId(2), (), "Soil needs water.", ("Roses, for", "whom?")),
        ]
        index.add(asked)

        in_text, in_question = index.search("rose", 10)

        assert (in_text.id, in_question.id) == (1, 2)
        assert in_question.score == pytest.approx(in_text.score * QUESTIONS_WEIGHT, rel=1e-5)

    def test_questions_that_come_later_replace_none_of_the_text(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "Roses need water."), indexed(2, "Soil needs lime.")])
        index.add([IndexedText(ChunkId(1), (), "Roses need water.", ("Which flowers are thirsty?",))])

        assert found(index.search("thirsty", 10)) == [1]
        assert found(index.search("roses", 10)) == [1]
        assert index.ids().tolist() == [1, 2]

    def test_a_title_that_all_chunks_share_tells_none_from_another(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(number, "words " * (number + 1), "Handbook") for number in range(3)])

        scores = {result.score for result in index.search("handbook", 10)}

        assert len(scores) == 1

    def test_at_most_k_are_given(self, animals: PersistentLexicalIndex) -> None:
        assert found(animals.search("cat", 1)) == [1]
        assert animals.search("cat", 0) == []

    def test_equal_chunks_come_in_the_order_of_their_ids(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        for number in np.random.default_rng(0).permutation(60).tolist():
            index.add([indexed(number, "the same words in each")])

        assert found(index.search("same words", 10)) == list(range(10))

    @pytest.mark.parametrize(
        "query", ["cat AND", "(cat", "cat) OR -horses NOT", "terms:cat^2", "cat~3 [a TO b]", "\x00cat", '"cat', "\\cat"]
    )
    def test_operators_are_only_words(self, animals: PersistentLexicalIndex, query: str) -> None:
        assert {1, 2} <= set(found(animals.search(query, 10)))

    @pytest.mark.parametrize("query", ["", "   ", '"', "\\", "*", "?:*{}", "\ud800", "—"])
    def test_a_query_without_a_term_finds_nothing(self, animals: PersistentLexicalIndex, query: str) -> None:
        assert animals.search(query, 10) == []

    def test_function_words_are_dropped_unless_nothing_else_is_asked(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "to be or not to be"), indexed(2, "hamlet speaks")])

        assert found(index.search("to be or not to be", 5)) == [1]
        assert found(index.search("what is to be with hamlet", 5)) == [2]

    def test_a_removed_chunk_is_not_found(self, animals: PersistentLexicalIndex) -> None:
        animals.remove(ids_of(1, 99))

        assert found(animals.search("cat", 10)) == [2]
        assert animals.ids().tolist() == [2, 3, 4]

    def test_adding_an_id_again_replaces_its_text(self, animals: PersistentLexicalIndex) -> None:
        animals.add([indexed(1, "A parrot.")])

        assert found(animals.search("parrot", 10)) == [1]
        assert found(animals.search("cat", 10)) == [2]
        assert animals.ids().tolist() == [1, 2, 3, 4]

    def test_of_an_id_given_twice_the_later_text_counts(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)

        index.add([indexed(1, "first"), indexed(1, "second")])

        assert index.ids().tolist() == [1]
        assert index.search("first", 5) == []
        assert found(index.search("second", 5)) == [1]

    def test_a_chunk_without_any_term_is_held_and_never_found(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(1, "— … —")])

        assert index.ids().tolist() == [1]
        assert index.search("anything", 5) == []

    def test_big_ids_are_kept_and_removed(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        big = 2**62 + 1
        index.add([indexed(big, "cat"), indexed(big + 1, "cat")])

        index.remove(ids_of(big))

        assert found(index.search("cat", 5)) == [big + 1]

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
    def test_only_the_allowed_are_found_and_all_that_belong_there(self, tmp_path: Path, share: float) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(n, "word " * (1 + n % 7) + "filler " * (n % 13)) for n in range(300)])
        allowed = np.flatnonzero(np.random.default_rng(1).random(300) < share)
        everyone = found(index.search("word", 300))

        results = index.search("word", 10, allowed)

        assert found(results) == [one for one in everyone if one in set(allowed.tolist())][:10]

    def test_what_was_saved_is_restored(self, animals: PersistentLexicalIndex, tmp_path: Path) -> None:
        animals.remove(ids_of(3))
        animals.save(tmp_path / "snapshot")
        other = self.new_index(tmp_path / "other")
        other.add([indexed(77, "cat")])

        other.restore(tmp_path / "snapshot")

        assert other.ids().tolist() == [1, 2, 4]
        assert other.search("the cat and the dog", 10) == animals.search("the cat and the dog", 10)

    def test_a_snapshot_outlives_changes_on_both_sides(self, animals: PersistentLexicalIndex, tmp_path: Path) -> None:
        animals.save(tmp_path / "snapshot")
        animals.remove(ids_of(1, 2, 3))
        first = self.new_index(tmp_path / "first")
        first.restore(tmp_path / "snapshot")
        first.add([indexed(9, "cat")])
        first.remove(ids_of(1, 2))
        second = self.new_index(tmp_path / "second")

        second.restore(tmp_path / "snapshot")

        assert animals.ids().tolist() == [4]
        assert first.ids().tolist() == [3, 4, 9]
        assert found(second.search("cat", 10)) == [1, 2]

    def test_an_empty_index_is_restored(self, tmp_path: Path) -> None:
        self.new_index(tmp_path / "one").save(tmp_path / "snapshot")
        other = self.new_index(tmp_path / "other")

        other.restore(tmp_path / "snapshot")

        assert other.ids().tolist() == []

    def test_a_folder_that_holds_nothing_is_damaged(self, animals: PersistentLexicalIndex, tmp_path: Path) -> None:
        (tmp_path / "nothing").mkdir()

        with pytest.raises(IndexDamaged):
            animals.restore(tmp_path / "nothing")

        assert found(animals.search("dog", 10)) == [2]

    def test_every_file_that_was_cut_is_damaged(self, animals: PersistentLexicalIndex, tmp_path: Path) -> None:
        animals.save(tmp_path / "whole")
        held: list[str] = []
        for file in sorted((tmp_path / "whole").iterdir()):
            if file.name.startswith("."):
                continue
            broken = tmp_path / f"broken-{file.name}"
            animals.save(broken)
            (broken / file.name).unlink()
            (broken / file.name).write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            try:
                self.new_index(tmp_path / f"other-{file.name}").restore(broken)
                held.append(file.name)
            except IndexDamaged:
                pass

        assert held == []

    def test_searches_hold_while_the_index_changes(self, tmp_path: Path) -> None:
        index = self.new_index(tmp_path)
        index.add([indexed(n, f"word{n} common") for n in range(20)])
        seen: list[list[int]] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                seen.append(found(index.search("word5", 1)))

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        for start in range(100, 130, 5):
            index.add([indexed(n, f"word{n} common") for n in range(start, start + 5)])
            index.remove(np.arange(start, start + 5))
        done.set()
        for thread in asking:
            thread.join()

        assert {tuple(ids) for ids in seen} == {(5,)}

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        changes=st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 15), max_size=6, unique=True)), max_size=6)
    )
    def test_any_history_ends_as_if_only_what_is_left_had_been_added(
        self, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[bool, list[int]]]
    ) -> None:
        index = self.new_index(tmp_path_factory.mktemp("index"))
        left: set[int] = set()
        for adds, ids in changes:
            if adds:
                index.add([indexed(n, f"word{n} and common") for n in ids])
                left |= set(ids)
            else:
                index.remove(ids_of(*ids))
                left -= set(ids)

        assert index.ids().tolist() == sorted(left)
        assert found(index.search("common", 100)) == sorted(left)
