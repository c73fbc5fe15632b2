"""What is said of a name that is not known."""

from generator.base.suggest import hint


def test_a_name_that_is_nearly_known_is_meant() -> None:
    assert hint("promtial", ["alloy", "promtail"], "there are two") == "did you mean 'promtail'?"


def test_of_another_one_it_is_said_what_there_is() -> None:
    assert hint("vector", ["alloy", "promtail"], "there are two") == "there are two"
    assert hint("vector", (), "there are none") == "there are none"
