"""What somebody may have meant by a name that is not known."""

from collections.abc import Iterable


def hint(word: str, known: Iterable[str], otherwise: str) -> str:
    """The known name that is nearly the word; `otherwise` where none is."""
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(word, list(known), n=1)
    if not close:
        return otherwise
    return f"did you mean '{close[0]}'?"
