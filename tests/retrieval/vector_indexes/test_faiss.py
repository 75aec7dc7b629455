"""FAISS on the CPU; on a GPU where there is one; and the tombstones of the GPU over a flat index on the CPU."""

from collections.abc import Generator
from pathlib import Path

import faiss
import numpy as np
import pytest

from retrieval.errors import IndexDamaged
from retrieval.vector_indexes.faiss import FaissIndex
from tests.contracts.vector_index import DIM, VectorIndexContract, found, vectors_of

GPU_INDEX = "retrieval.vector_indexes.faiss._gpu_index"


def flat(dim: int) -> faiss.Index:
    return faiss.IndexFlatIP(dim)


@pytest.fixture(scope="class")
def _without_a_gpu() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GPU_INDEX, flat)
        yield


class TestOnTheCpu(VectorIndexContract):
    def new_index(self) -> FaissIndex:
        return FaissIndex(DIM)


@pytest.mark.usefixtures("_without_a_gpu")
class TestTombstones(VectorIndexContract):
    """Everything of the GPU's way but the GPU."""

    def new_index(self) -> FaissIndex:
        return FaissIndex(DIM, device="gpu")

    def test_more_dead_than_a_gpu_can_pass_over_are_scanned_instead(self) -> None:
        index, vectors = self.new_index(), vectors_of(20_000)
        index.add(np.arange(20_000), vectors)
        query = vectors_of(1, seed=4)[0]
        exact = vectors.astype(np.float16).astype(np.float32) @ query
        nearest = np.argsort(-exact)

        index.remove(np.sort(nearest[:3_000]))

        assert found(index.search(query, 5)) == nearest[3_000:3_005].tolist()


@pytest.mark.gpu
@pytest.mark.skipif(faiss.get_num_gpus() == 0, reason="no CUDA device, or faiss without it")
class TestOnTheGpu(VectorIndexContract):
    def new_index(self) -> FaissIndex:
        return FaissIndex(DIM, device="gpu")


def test_a_snapshot_of_another_dimension_is_damaged(tmp_path: Path) -> None:
    index = FaissIndex(DIM)
    index.add(np.arange(3), vectors_of(3))
    index.save(tmp_path)

    with pytest.raises(IndexDamaged, match=r"vectors\.npy: expected 3 finite vectors of 8 halves"):
        FaissIndex(8).restore(tmp_path)


def test_a_snapshot_with_an_id_twice_is_damaged(tmp_path: Path) -> None:
    index = FaissIndex(DIM)
    index.add(np.arange(2), vectors_of(2))
    index.save(tmp_path)
    np.save(tmp_path / "ids.npy", np.array([1, 1]))

    with pytest.raises(IndexDamaged, match=r"ids\.npy: expected distinct"):
        FaissIndex(DIM).restore(tmp_path)


def test_a_snapshot_with_a_pickle_is_damaged_and_not_loaded(tmp_path: Path) -> None:
    FaissIndex(DIM).save(tmp_path)
    np.save(tmp_path / "ids.npy", np.array([print], object), allow_pickle=True)

    with pytest.raises(IndexDamaged, match="allow_pickle"):
        FaissIndex(DIM).restore(tmp_path)
