"""Where a run begins, before anything that takes time to import."""

import signal

from generator.base import streams


def main() -> None:
    streams.prepare()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # there is nothing to clean up yet, and nothing to show
    from generator.cli import main as run

    signal.signal(signal.SIGINT, before)
    run()
