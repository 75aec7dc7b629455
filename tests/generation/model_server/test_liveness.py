from generation.model_server.liveness import Liveness, timeouts_within

TIMEOUTS = timeouts_within(60)


def test_a_server_that_hangs_is_given_up_within_three_seconds() -> None:
    assert Liveness(TIMEOUTS).due(0, TIMEOUTS.first_token) < 3
    assert Liveness(TIMEOUTS).due(0, TIMEOUTS.between_tokens) < 3
    assert TIMEOUTS.until_given_up < 3


def test_a_server_that_said_nothing_is_not_asked_again_within_seconds() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 2.5)
    assert liveness.is_mute(2.6)
    assert not liveness.is_mute(8)


def test_a_call_that_ends_early_or_beside_one_that_is_answered_tells_nothing() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 1)
    liveness.heard(2)
    liveness.given_up(1, 4)
    assert not liveness.is_silent(4)


def test_a_rewriting_given_up_before_its_time_spares_other_options_and_not_the_answer() -> None:
    liveness = Liveness(timeouts_within(600))
    liveness.given_up(0, 3)
    assert liveness.is_silent(3)
    assert not liveness.is_mute(3)


def test_a_word_ends_any_silence() -> None:
    liveness = Liveness(TIMEOUTS)
    liveness.given_up(0, 3)
    liveness.heard(3)
    assert not liveness.is_silent(3)


def test_words_to_others_give_a_call_more_time_but_not_for_ever() -> None:
    liveness = Liveness(TIMEOUTS)
    assert liveness.due(0, 15) == 2.5
    liveness.heard(2)
    assert liveness.due(0, 15) == 4.5
    liveness.heard(14)
    assert liveness.due(0, 15) == 15
