"""What the benchmarks measure is the program that they start, and not themselves."""

import sys

import pytest

from tests.bench import CannotRunError, measure

BIG = 300 << 20  # bytes


def test_the_memory_of_a_program_is_its_own() -> None:
    held = b"x" * BIG
    small = measure([sys.executable, "-c", "pass"])
    big = measure([sys.executable, "-c", f"b'x' * {BIG}"])
    assert small.kib < BIG // 4 // 1024
    assert BIG // 1024 <= big.kib < 2 * BIG // 1024
    assert len(held) == BIG


def test_the_time_of_a_program_is_its_own() -> None:
    run = measure([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert run.cpu < 0.4 < run.seconds


def test_what_a_program_says_that_fails_is_said() -> None:
    with pytest.raises(CannotRunError, match=r"ended with 3: no\n"):
        measure([sys.executable, "-c", "import sys; print('no'); sys.exit(3)"])
    assert measure([sys.executable, "-c", "exit(3)"], codes=(0, 3)).kib
