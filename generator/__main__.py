"""Where a run begins, before anything that takes time to import."""

import gc
import signal

from generator.base import process_signals, streams


def main() -> None:
    gc.disable()  # nearly everything a run makes lives until its end; a search costs a tenth
    streams.prepare()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing to clean up yet, nothing to show
    from generator.cli import main as run

    with process_signals.caught():
        run()


if __name__ == "__main__":
    main()
