"""What an installation is called. The code stands inside this package, where no other `generator` meets it.

A checkout and the code itself say `generator`; pyproject.toml puts that folder in here when a wheel is built.
"""

import os
import sys


def main() -> None:
    # First of all places, so that a `generator` of somebody else's is never taken for ours.
    sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120 (pathlib takes time to import)
    from generator.__main__ import main as run

    run()
