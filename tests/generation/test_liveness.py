from generation.liveness import Liveness, timeouts_within

TIMEOUTS = timeouts_within(60)


def test_a_server_that_sends_no_head_is_not_asked_again_within_seconds() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 2.5, had_head=False)
    assert liveness.is_mute(2.6)
    assert not liveness.is_mute(8)


def test_a_call_that_ends_early_or_beside_one_that_is_answered_tells_nothing() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 1, had_head=False)
    liveness.heard(2)
    liveness.given_up(1, 4, had_head=True)
    assert not liveness.is_silent(4)


def test_a_head_ends_the_silence_of_a_mute_server_and_a_word_any() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 2.5, had_head=False)
    liveness.accepted()
    assert not liveness.is_silent(3)
    liveness.given_up(0, 3, had_head=True)
    liveness.accepted()
    assert liveness.is_silent(3)
    assert not liveness.is_mute(3)
    liveness.heard(3)
    assert not liveness.is_silent(3)


def test_an_answer_waits_for_its_first_word_no_longer_than_its_rewriting_left() -> None:
    liveness = Liveness(TIMEOUTS)
    assert liveness.first_word_within(0) == 5
    liveness.given_up(0, 3, had_head=True)
    assert liveness.first_word_within(3) == 2.5
    assert liveness.first_word_within(9) == 5


def test_words_to_others_give_a_call_more_time_but_not_for_ever() -> None:
    liveness = Liveness(TIMEOUTS)
    assert liveness.due(0, 15, 5) == 5
    liveness.heard(4)
    assert liveness.due(0, 15, 5) == 9
    liveness.heard(14)
    assert liveness.due(0, 15, 5) == 15
