"""What a decoder is made of: its parameters by part, and what each layer caches of a token."""

from dataclasses import dataclass

_HALF_BYTES = 2  # a number in bf16 or fp16


@dataclass(frozen=True, slots=True)
class Parameters:
    """How many parameters each part has. `head` is 0 where the embedding serves as head too."""

    embedding: int
    attention: int
    feed_forward: int
    experts: int
    norms_and_routers: int
    head: int
    experts_active: int
    """Those of the experts that one token passes through."""

    @property
    def total(self) -> int:
        return self.active - self.experts_active + self.experts

    @property
    def active(self) -> int:
        """What one token passes through; for a dense decoder all."""
        outside = self.embedding + self.attention + self.feed_forward + self.norms_and_routers + self.head
        return outside + self.experts_active

    @property
    def quantisable(self) -> int:
        """The weights that a quantised checkpoint shrinks: the linear layers of the blocks."""
        return self.attention + self.feed_forward + self.experts


@dataclass(frozen=True, slots=True)
class CachedLayer:
    """What one layer keeps in the KV cache: numbers per token, and how many tokens back at most (None: all)."""

    numbers: int
    window: int | None

    def bytes(self, tokens: int, number_bytes: float = _HALF_BYTES) -> int:
        """Of one sequence of so many tokens."""
        return int(self.numbers * number_bytes) * (tokens if self.window is None else min(tokens, self.window))


@dataclass(frozen=True, slots=True)
class Decoder:
    """All that planning needs to know of a model."""

    architecture: str
    attention: str
    """MHA, GQA, MQA or MLA."""
    key_heads: int
    """Among how many cards the cache can be split, one head of keys and values each; those beyond hold copies."""
    parameters: Parameters
    layers: tuple[CachedLayer, ...]
    hidden: int
    vocabulary: int
    longest: int
    """Tokens that the model was made for."""
    quantised: str | None
    """How the checkpoint says that it is quantised already, if it does."""

    def cache_bytes(self, tokens: int, number_bytes: float = _HALF_BYTES) -> int:
        """The KV cache of one sequence of so many tokens."""
        return sum(layer.bytes(tokens, number_bytes) for layer in self.layers)
