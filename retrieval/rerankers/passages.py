"""What a model that judges texts is given of a candidate."""

from retrieval.types import PlacedChunk


def passage(candidate: PlacedChunk) -> str:
    """Its headings and its text, as an embedder sees them; a lone surrogate, which no tokenizer takes, is `?`."""
    above = " > ".join(candidate.chunk.headings)
    text = f"{above}\n{candidate.chunk.text}" if above else candidate.chunk.text
    return text.encode("utf-8", "replace").decode()
