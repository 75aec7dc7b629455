"""What a model's folder tells without torch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from retrieval.embedders.model_folder import COUNTED, PACKAGED, open_model


def test_tokens_of_many_texts_are_counted_in_bounded_memory() -> None:
    folder = open_model(PACKAGED)
    sizes: list[int] = []

    class Watched:
        def encode_batch_fast(self, texts: Sequence[str], **options: Any) -> Any:
            sizes.append(len(texts))
            return folder._tokenizer.encode_batch_fast(texts, **options)  # pyright: ignore[reportPrivateUsage]

    texts = ["one", "one two"] * (COUNTED // 2) + ["one two three"]
    watched = replace(folder, _tokenizer=Watched())

    assert watched.count(texts) == [1, 2] * (COUNTED // 2) + [3]
    assert sizes == [COUNTED, 1]
