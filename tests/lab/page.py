"""Keeps the account of the lab in the documents."""

from collections.abc import Sequence
from pathlib import Path

from tests.lab import report
from tests.lab.report import Seen

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
_BEGIN, _END = "<!-- What follows was written by make lab. -->\n", "<!-- End of what make lab wrote. -->\n"


def write(seen: Sequence[Seen]) -> None:
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), seen), encoding="utf-8")


def put(text: str, seen: Sequence[Seen]) -> str:
    """The page with this account in it."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{report.account(seen)}\n{_END}{after}"
