"""Who may go in together."""

import threading

import pytest

from retrieval.locks import ReadWriteLock

SOON = 0.3


def test_readers_are_inside_together() -> None:
    lock, both = ReadWriteLock(), threading.Barrier(2, timeout=5)

    def read() -> None:
        with lock.read():
            both.wait()

    other = threading.Thread(target=read)
    other.start()
    read()
    other.join()

    assert not both.broken


def test_a_writer_waits_for_readers_and_new_readers_for_the_writer() -> None:
    lock, order = ReadWriteLock(), list[str]()
    written, asked = threading.Event(), threading.Event()

    def write() -> None:
        asked.set()
        with lock.write():
            order.append("written")
        written.set()

    def read() -> None:
        with lock.read():
            order.append("read")

    writer, reader = threading.Thread(target=write), threading.Thread(target=read)
    with lock.read():
        writer.start()
        asked.wait()
        assert not written.wait(SOON)
        reader.start()
        reader.join(SOON)
        order.append("first reader leaves")
    writer.join()
    reader.join()

    assert order == ["first reader leaves", "written", "read"]


def test_an_error_inside_lets_go() -> None:
    lock = ReadWriteLock()
    for hold in (lock.read, lock.write):
        with pytest.raises(KeyError), hold():
            raise KeyError

    with lock.write():
        pass
