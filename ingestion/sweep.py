"""What nothing refers to any more goes away: rows first, then the originals that the rows spoke of."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ingestion.errors import BlobMissing
from ingestion.ports import BlobStore, Remains
from ingestion.types import BlobKey

logger = logging.getLogger(__name__)

_AT_ONCE = 500  # originals
_ORPHAN_SECONDS = 86_400.0  # an upload that is still being registered is younger than that


@dataclass(frozen=True, slots=True)
class Sweep:
    """Runs now and then in each worker; where several run at once, each finds what the others left."""

    remains: Remains
    blobs: BlobStore

    def run(self, goes_on: Callable[[], bool] = lambda: True) -> Counter[str]:
        """Sweep once, at leisure; gives how many of each kind there were, and writes it to the log."""
        swept = Counter(self.remains.sweep(goes_on))
        swept["originals"] = self._delete_dropped(goes_on) + self._delete_orphans(goes_on)
        if +swept:
            logger.info("swept %s", ", ".join(f"{count} {kind}" for kind, count in (+swept).items()))
        return +swept

    def _delete_dropped(self, goes_on: Callable[[], bool]) -> int:
        """Those whose last version is gone. Who deleted it may have deleted them too; twice does no harm."""
        deleted = 0
        while goes_on() and (keys := self.remains.dropped(_AT_ONCE)):
            gone = [key for key in keys if self._is_gone(key)]
            self.remains.settle(gone)
            deleted += len(gone)
            if len(gone) < len(keys):
                break  # a backup is copying originals: the next sweep asks again
        return deleted

    def _is_gone(self, key: BlobKey) -> bool:
        self.blobs.delete(key)
        try:
            self.blobs.open(key).close()
        except BlobMissing:
            return True
        return False

    def _delete_orphans(self, goes_on: Callable[[], bool]) -> int:
        """Those that no version ever referred to: what a crash between storing and registering left.

        Crashes leave few: where most are nobody's, the database is another one than theirs, and nothing is deleted.
        """
        old = [key for key, age in self.blobs.stored() if age > _ORPHAN_SECONDS]
        orphans: set[BlobKey] = set()
        for start in range(0, len(old), _AT_ONCE):
            keys = old[start : start + _AT_ONCE]
            orphans |= set(keys) - self.remains.referenced(keys)
        if 2 * len(orphans) > len(old):
            logger.warning("%s of %s originals belong to no document here and are kept", len(orphans), len(old))
            return 0
        for key in orphans:
            if goes_on():
                self.blobs.delete(key)
        return len(orphans)
