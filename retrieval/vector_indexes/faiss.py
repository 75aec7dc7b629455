"""Exact inner-product search by FAISS over vectors in fp16, on the CPU or on a GPU.

On the CPU a scalar quantizer that only halves the floats, so it needs no training, takes additions and removals in
place, and its codes are the vectors that `save` writes. A GPU's flat index cannot remove: removed rows become
tombstones, and it is filled again when a fifth is dead. Of several threads FAISS makes one query slower, not faster
(3.6 ms against 12 at 100,000 rows on two shared cores), so each search runs on its caller's thread alone.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import faiss
import numpy as np
from numpy.typing import NDArray

from retrieval.errors import IndexDamaged
from retrieval.locks import ReadWriteLock
from retrieval.ports import Persistent, VectorIndex
from retrieval.ranking import TIE, best
from retrieval.types import ChunkIds, HalfMatrix, Matrix, Scored, Vector

DEAD_SHARE = 0.2  # of a GPU's rows: above it, it is filled again
GPU_MOST = 2048  # the most neighbours that a GPU search gives
GPU_SCRATCH_BYTES = 64 << 20
SLACK = 14  # fetched beyond k, so that ties rarely need a second search
ROWS_AT_ONCE = 16_384  # turned from fp16 to fp32 at a time

_untyped = cast("Any", faiss)  # its stubs lack the wrappers' own arguments, and the GPU classes are in one wheel only
_Found = tuple[NDArray[np.int64], NDArray[np.float32]]  # positions and scores, best first


class _Rows(Protocol):
    """Vectors by position; a position that is dropped is gone or dead."""

    def append(self, vectors: Matrix) -> None: ...

    def drop(self, dead: NDArray[np.bool_]) -> bool:
        """Forget the rows that are true; whether the others have moved up."""
        ...

    def nearest(self, vector: Vector, k: int, among: NDArray[np.bool_] | None) -> _Found: ...

    def halves(self) -> HalfMatrix: ...


class FaissIndex(VectorIndex, Persistent):
    """Starts empty; `device="gpu"` needs the gpu extra and a CUDA device."""

    def __init__(self, dim: int, device: Literal["cpu", "gpu"] = "cpu") -> None:
        self._dim = dim
        self._device = device
        self._lock = ReadWriteLock()
        self._clear()

    def add(self, ids: ChunkIds, vectors: Matrix) -> None:
        if vectors.shape != (len(ids), self._dim):
            raise ValueError(f"expected {len(ids)} vectors of {self._dim} numbers, got {vectors.shape}")
        _, last = np.unique(ids[::-1], return_index=True)
        rows = len(ids) - 1 - last  # of an id given twice the later one
        with self._lock.write():
            self._drop(ids)
            self._rows.append(np.ascontiguousarray(vectors[rows], np.float32))
            self._ids = np.concatenate((self._ids, ids[rows]))
            self._alive = np.concatenate((self._alive, np.ones(len(rows), np.bool_)))

    def remove(self, ids: ChunkIds) -> None:
        with self._lock.write():
            self._drop(ids)

    def search(self, vector: Vector, k: int, allowed: ChunkIds | None = None) -> list[Scored]:
        with self._lock.read():
            among = None if self._alive.all() else self._alive
            if allowed is not None:
                among = self._alive & np.isin(self._ids, allowed)
            most = len(self._ids) if among is None else int(among.sum())
            if k <= 0 or not most:
                return []
            limit = k + SLACK
            while True:
                limit = min(limit, most)
                positions, scores = self._rows.nearest(vector, limit, among)
                if limit == most or scores[k - 1] - scores[-1] > TIE * abs(float(scores[0])):
                    return best(self._ids[positions], scores, k)
                limit *= 4

    def ids(self) -> ChunkIds:
        with self._lock.read():
            return np.sort(self._ids[self._alive])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock.read():
            np.save(folder / "ids.npy", self._ids[self._alive], allow_pickle=False)
            np.save(folder / "vectors.npy", self._rows.halves()[self._alive], allow_pickle=False)

    def restore(self, folder: Path) -> None:
        ids, halves = _read(folder / "ids.npy"), _read(folder / "vectors.npy")
        if ids.dtype != np.int64 or ids.ndim != 1 or len(np.unique(ids)) != len(ids):
            raise IndexDamaged(f"{folder / 'ids.npy'}: expected distinct 64-bit ids")
        if halves.dtype != np.float16 or halves.shape != (len(ids), self._dim) or not np.isfinite(halves).all():
            raise IndexDamaged(f"{folder / 'vectors.npy'}: expected {len(ids)} finite vectors of {self._dim} halves")
        with self._lock.write():
            self._clear()
            for at in range(0, len(ids), ROWS_AT_ONCE):
                self._rows.append(halves[at : at + ROWS_AT_ONCE].astype(np.float32))
            self._ids = ids.astype(np.int64, copy=False)
            self._alive = np.ones(len(ids), np.bool_)

    def _clear(self) -> None:
        self._rows: _Rows = _CpuRows(self._dim) if self._device == "cpu" else _GpuRows(self._dim)
        self._ids: ChunkIds = np.empty(0, np.int64)
        self._alive: NDArray[np.bool_] = np.empty(0, np.bool_)

    def _drop(self, ids: ChunkIds) -> None:
        dead = self._alive & np.isin(self._ids, ids)
        if not dead.any():
            return
        self._alive &= ~dead
        if self._rows.drop(~self._alive):
            self._ids, self._alive = self._ids[self._alive], np.ones(int(self._alive.sum()), np.bool_)


class _CpuRows:
    """A scalar quantizer in main memory; dropped rows are gone at once."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)

    def append(self, vectors: Matrix) -> None:
        self._index.add(vectors)

    def drop(self, dead: NDArray[np.bool_]) -> bool:
        self._index.remove_ids(_untyped.IDSelectorBatch(np.flatnonzero(dead)))
        return True

    def nearest(self, vector: Vector, k: int, among: NDArray[np.bool_] | None) -> _Found:
        faiss.omp_set_num_threads(1)  # of this thread; see above
        if among is None:
            return _search(self._index, vector, k)
        selector = _untyped.IDSelectorBitmap(np.packbits(among, bitorder="little"))
        return _search(self._index, vector, k, _untyped.SearchParameters(sel=selector))

    def halves(self) -> HalfMatrix:
        if not self._index.ntotal:
            return np.empty((0, self._dim), np.float16)
        codes = faiss.rev_swig_ptr(self._index.codes.data(), self._index.codes.size())
        return codes.view(np.float16).reshape(-1, self._dim)


class _GpuRows:
    """A flat index in a GPU's memory and its rows in main memory, for what the GPU cannot do."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._index = _gpu_index(dim)
        self._host = np.empty((0, dim), np.float16)

    def append(self, vectors: Matrix) -> None:
        self._index.add(vectors)
        self._host = np.concatenate((self._host, vectors.astype(np.float16)))

    def drop(self, dead: NDArray[np.bool_]) -> bool:
        if dead.sum() <= DEAD_SHARE * len(dead):
            return False
        self._index, self._host = _gpu_index(self._dim), self._host[~dead]
        _fill(self._index, self._host)
        return True

    def nearest(self, vector: Vector, k: int, among: NDArray[np.bool_] | None) -> _Found:
        """A GPU sifts nothing: ask for more, and scan in main memory when even the most holds too few."""
        wanted = k if among is None else k + int((~among).sum())
        if k <= GPU_MOST and (among is None or among.sum() > GPU_MOST or wanted <= GPU_MOST):
            with _one_gpu_search:
                positions, scores = _search(self._index, vector, min(wanted, GPU_MOST, len(self._host)))
            if among is not None:
                kept = among[positions]
                positions, scores = positions[kept], scores[kept]
            if len(positions) >= k:
                return positions[:k], scores[:k]
        return self._scan(vector, k, among)

    def halves(self) -> HalfMatrix:
        return self._host

    def _scan(self, vector: Vector, k: int, among: NDArray[np.bool_] | None) -> _Found:
        positions = np.arange(len(self._host)) if among is None else np.flatnonzero(among)
        parts = [positions[at : at + ROWS_AT_ONCE] for at in range(0, len(positions), ROWS_AT_ONCE)]
        scores = np.concatenate([self._host[part].astype(np.float32) @ vector for part in parts])
        order = np.argsort(-scores, kind="stable")[:k]
        return positions[order], scores[order]


_one_gpu_search = threading.Lock()  # the scratch memory serves one search at a time


@cache
def _gpu_resources() -> Any:
    resources = _untyped.StandardGpuResources()
    resources.setTempMemory(GPU_SCRATCH_BYTES)
    return resources


def _gpu_index(dim: int) -> faiss.Index:
    config = _untyped.GpuIndexFlatConfig()
    config.useFloat16 = True
    return cast("faiss.Index", _untyped.GpuIndexFlatIP(_gpu_resources(), dim, config))


def _search(index: faiss.Index, vector: Vector, k: int, params: faiss.SearchParameters | None = None) -> _Found:
    scores, positions = index.search(vector.astype(np.float32, copy=False)[np.newaxis], k, params=params)
    return positions[0], scores[0]


def _fill(index: faiss.Index, halves: HalfMatrix) -> None:
    for at in range(0, len(halves), ROWS_AT_ONCE):
        index.add(halves[at : at + ROWS_AT_ONCE].astype(np.float32))


def _read(file: Path) -> NDArray[np.generic]:
    try:
        return cast("NDArray[np.generic]", np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise IndexDamaged(f"{file}: {error}") from error
