"""What can go wrong in retrieval.

RetrievalError
├── UnknownCollection      the collection is not there, or not yours
├── InvalidFilter          a field or operator that no filter may use
├── IndexDamaged           an index's files do not make sense: rebuild it
├── SearchUnavailable      neither side of the search answers (transient)
│   └── NoRoomForIndex     the disk is too full to open an index (transient)
├── RerankerUnavailable    the reranker's model or server cannot be had (transient)
└── ModelUnavailable       the embedder's model or server cannot be had
    └── InputRefused       the server takes some other texts, but not these
"""


class RetrievalError(Exception):
    """Base of all errors that retrieval raises."""


class UnknownCollection(RetrievalError):
    """The collection is not there, or the asker may not read it."""


class InvalidFilter(RetrievalError):
    """A filter names a field or an operator that does not exist, or a value of the wrong type."""


class IndexDamaged(RetrievalError):
    """An index's files do not make sense; whoever catches this rebuilds the index from the database."""


class SearchUnavailable(RetrievalError):
    """Neither the lexical nor the dense side answers; try again."""


class NoRoomForIndex(SearchUnavailable):
    """The disk is too full to open a collection's index; it opens by itself once there is room."""


class RerankerUnavailable(RetrievalError):
    """The reranker's model or server cannot be had; the fused order stands."""


class ModelUnavailable(RetrievalError):
    """The embedder's model or server cannot be had; the message names it and the setting that chooses another."""


class InputRefused(ModelUnavailable):
    """The embedder's server takes other texts, but not these: asking again for them will not help."""
