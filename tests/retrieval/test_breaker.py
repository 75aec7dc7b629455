import pytest

from retrieval.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures_to_open=5, probe_seconds=15, clock=clock)


def opened(breaker: Breaker) -> Breaker:
    for _ in range(5):
        breaker.failed()
    return breaker


def test_four_failures_do_not_open_it_and_the_fifth_does(breaker: Breaker) -> None:
    for _ in range(4):
        breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()


def test_a_success_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, *[breaker.failed] * 4):
        outcome()
    assert breaker.admits()


def test_open_it_lets_one_probe_through_each_time(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 15
    assert [breaker.admits(), breaker.admits(), breaker.admits()] == [True, False, False]
    clock.now += 15
    assert breaker.admits()


def test_a_probe_that_fails_makes_the_next_one_wait(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 15
    assert breaker.admits()
    clock.now += 10
    breaker.failed()
    clock.now += 10
    assert not breaker.admits()


def test_a_probe_that_succeeds_closes_it(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 15
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits()] == [True, True]


def test_by_itself_it_probes_within_thirty_seconds() -> None:
    clock = Clock()
    breaker = opened(Breaker(clock=clock))
    clock.now += 30
    assert breaker.admits()
