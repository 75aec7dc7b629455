"""One service holds a data folder, and the command line finds it there."""

from pathlib import Path

import pytest

from app.data_folder import DataFolderHeld, hold, holder


def test_the_holder_is_found_while_it_holds_the_folder(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with hold(tmp_path, "http://127.0.0.1:8000"):
        assert holder(tmp_path) == "http://127.0.0.1:8000"
    assert holder(tmp_path) is None


def test_a_second_service_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    with (
        hold(tmp_path, "http://127.0.0.1:8000"),
        pytest.raises(DataFolderHeld, match=r"127\.0\.0\.1:8000.*DATA_DIR"),
        hold(tmp_path, "http://127.0.0.1:9000"),
    ):
        pass


def test_the_second_service_leaves_the_address_of_the_first(tmp_path: Path) -> None:
    with hold(tmp_path, "http://127.0.0.1:8000"):
        with pytest.raises(DataFolderHeld), hold(tmp_path, "http://127.0.0.1:9000"):
            pass
        assert holder(tmp_path) == "http://127.0.0.1:8000"
