"""What every embedder must do; a backend's test class inherits it and says how to make one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.ports import Embedder
from retrieval.types import PassageInput, Span

CATS = "The cat sleeps on the warm mat all day."
STOCKS = "Share prices fell sharply after the announcement."


def passage(*sentences: str, prefix: str = "") -> PassageInput:
    text, spans = "", list[Span]()
    for sentence in sentences:
        spans.append((len(text), len(text) + len(sentence)))
        text += sentence + " "
    return PassageInput(prefix, text.rstrip(), tuple(spans))


def cosines(left: NDArray[np.floating], right: NDArray[np.floating]) -> list[float]:
    return (left.astype(np.float32) * right.astype(np.float32)).sum(axis=-1).reshape(-1).tolist()


class EmbedderContract:
    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    def test_queries_become_rows_of_length_one(self, embedder: Embedder) -> None:
        vectors = embedder.embed_queries([CATS, STOCKS, "cat"])

        assert vectors.shape == (3, embedder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-3)

    def test_no_text_becomes_no_row(self, embedder: Embedder) -> None:
        assert embedder.embed_queries([]).shape == (0, embedder.dim)
        assert embedder.embed_passages([]) == []

    def test_texts_that_say_alike_are_nearer(self, embedder: Embedder) -> None:
        query, cats, stocks = embedder.embed_queries(["Where does a cat sleep?", CATS, STOCKS])

        assert query @ cats > query @ stocks + 0.1

    def test_each_passage_has_its_vector_and_one_for_each_sentence(self, embedder: Embedder) -> None:
        first, second = embedder.embed_passages([passage(CATS, STOCKS), passage(STOCKS)])

        assert first.vector.shape == (embedder.dim,)
        assert first.vector.dtype == np.float32
        assert first.sentence_vectors.shape == (2, embedder.dim)
        assert first.sentence_vectors.dtype == np.float16
        assert second.sentence_vectors.shape == (1, embedder.dim)
        assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-3)
        assert np.linalg.norm(first.sentence_vectors.astype(np.float32), axis=1) == pytest.approx([1, 1], abs=5e-3)

    def test_a_sentence_is_nearest_to_its_own_text(self, embedder: Embedder) -> None:
        [embedded] = embedder.embed_passages([passage(CATS, STOCKS, prefix="Animals and markets\n")])
        alone = embedder.embed_queries([CATS, STOCKS])

        nearest = (embedded.sentence_vectors.astype(np.float32) @ alone.T).argmax(axis=1)

        assert nearest.tolist() == [0, 1]

    def test_a_passage_without_sentences_has_no_sentence_vectors(self, embedder: Embedder) -> None:
        [embedded] = embedder.embed_passages([PassageInput("", CATS, ())])

        assert embedded.sentence_vectors.shape == (0, embedder.dim)

    def test_the_prefix_is_seen(self, embedder: Embedder) -> None:
        plain, prefixed = embedder.embed_passages([passage(CATS), passage(CATS, prefix="Veterinary medicine\n")])

        assert plain.vector @ prefixed.vector < 0.999

    def test_a_vector_does_not_depend_on_what_else_is_in_the_batch(self, embedder: Embedder) -> None:
        alone = [passage(CATS, STOCKS), passage(STOCKS), passage("Cat.")]
        crowd = [passage(*[f"Sentence number {n} about dogs." for n in range(length)]) for length in (1, 30, 7, 12)]

        together = embedder.embed_passages([*crowd, *alone])[len(crowd) :]

        for one, embedded in zip(alone, together, strict=True):
            [expected] = embedder.embed_passages([one])
            assert min(cosines(embedded.vector, expected.vector)) > 0.999
            assert min(cosines(embedded.sentence_vectors, expected.sentence_vectors)) > 0.998

    @pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "😀", "一" * 2000, "word " * 5000, "x" * 20_000])
    def test_any_text_can_be_embedded(self, embedder: Embedder, text: str) -> None:
        [embedded] = embedder.embed_passages([PassageInput("", text, ((0, len(text)),))])

        assert np.isfinite(embedded.vector).all()
        assert np.isfinite(embedded.sentence_vectors).all()
        assert np.isfinite(embedder.embed_queries([text])).all()

    def test_tokens_are_counted_text_by_text(self, embedder: Embedder) -> None:
        empty, cats, twice = embedder.count_tokens(["", CATS, f"{CATS} {CATS}"])

        assert empty == 0
        assert twice == 2 * cats
        assert cats >= 9

    def test_what_describes_it_holds(self, embedder: Embedder) -> None:
        assert embedder.fingerprint == embedder.fingerprint != ""
        assert embedder.window > 0
        assert all(len(code) == 2 for code in embedder.languages)
