"""Keeps the README's account of the lab."""

from collections.abc import Sequence
from pathlib import Path

from tests.lab import report
from tests.lab.report import Seen

README = Path(__file__).parents[2] / "README.md"
_BEGIN, _END = "<!-- What follows was written by make lab. -->\n", "<!-- End of what make lab wrote. -->\n"


def write(seen: Sequence[Seen]) -> None:
    README.write_text(put(README.read_text(encoding="utf-8"), seen), encoding="utf-8")


def put(text: str, seen: Sequence[Seen]) -> str:
    """The README with this account in it."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{report.account(seen)}\n{_END}{after}"
