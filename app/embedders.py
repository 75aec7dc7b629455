"""The embedder of each fingerprint: the one that is set, and those that collections were embedded by before."""

import logging
import time
from collections.abc import Callable
from threading import Lock

from app.db.index.embedders import EmbedderStore
from app.db.types import EmbedderRecord
from retrieval.errors import ModelUnavailable
from retrieval.ports import Embedder, Embedders

RETRY_SECONDS = 60.0  # after which one that could not be had is tried again: a hub may take long to say no

_log = logging.getLogger(__name__)


class EmbedderCatalog(Embedders):
    """Makes each embedder when it is first asked for, and keeps it; `model` and `url` are those that are set."""

    def __init__(
        self, model: str, url: str | None, store: EmbedderStore, make: Callable[[EmbedderRecord], Embedder]
    ) -> None:
        self._model = model
        self._url = url
        self._store = store
        self._make = make
        self.configured = make(EmbedderRecord("", model, url, None))
        self._lock = Lock()
        self._made: dict[str, Embedder] = {}
        self._refused: dict[str, tuple[float, ModelUnavailable]] = {}

    def of(self, fingerprint: str) -> Embedder:
        if self._is_configured(fingerprint):
            return self.configured
        with self._lock:
            if fingerprint in self._made:
                return self._made[fingerprint]
            until, refusal = self._refused.get(fingerprint, (0.0, None))
            if refusal is not None and time.monotonic() < until:
                raise refusal
            try:
                self._made[fingerprint] = self._remade(fingerprint)
            except ModelUnavailable as error:
                _log.warning("%s", error)
                self._refused[fingerprint] = (time.monotonic() + RETRY_SECONDS, error)
                raise
            return self._made[fingerprint]

    def remember(self) -> None:
        """Write down where the one that is set is to be had, for the days when another one is set."""
        self._store.remember(self.configured.fingerprint, self._model, self._url)

    def _is_configured(self, fingerprint: str) -> bool:
        try:
            return self.configured.fingerprint == fingerprint
        except ModelUnavailable:
            return False

    def _remade(self, fingerprint: str) -> Embedder:
        record = self._store.get(fingerprint)
        model = record.model if record is not None else fingerprint.partition("|")[0]
        try:
            made = self._make(record or EmbedderRecord(fingerprint, model, None, None))
            if made.fingerprint == fingerprint:
                return made
            why = f"what is there now is {made.fingerprint}"
        except ModelUnavailable as error:
            why = str(error)
        raise ModelUnavailable(
            f"the embedder {fingerprint} of an earlier setting cannot be had: its collections are searched by terms "
            f"alone until `openbook reindex` embeds them by {self._model} ({why})"
        )
