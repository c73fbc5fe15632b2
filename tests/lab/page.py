"""Keeps the accounts of the lab in the documents."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
ALERTS, STEPS = (
    "What follows was written by make lab.",
    "What follows of steps was written by make lab.",
)
_END = "<!-- End of what make lab wrote. -->\n"


def write(begin: str, account: str) -> None:
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), begin, account), encoding="utf-8")


def put(text: str, begin: str, account: str) -> str:
    """The page with this account where it begins so."""
    before, head, rest = text.partition(f"<!-- {begin} -->\n")
    _, _, after = rest.partition(_END)
    return f"{before}{head}\n{account}\n{_END}{after}"
