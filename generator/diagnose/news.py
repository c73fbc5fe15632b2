"""What changes while a log is followed: a failure begins, reaches another node, ends, begins again. No IO."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from generator.catalog.model import Entry
from generator.diagnose.diagnosis import Found
from generator.diagnose.phrases import first_few, written_time

QUIET = timedelta(minutes=10)  # without a line a failure has ended

NewsKind = Literal["begins", "spreads", "ends", "again"]


@dataclass(frozen=True)
class News:
    """`places` are those that are new, or all of them; `time` is that of the last line, as the log says it."""

    kind: NewsKind
    entry: Entry
    alert: str
    places: tuple[str, ...]
    time: datetime | None
    count: int

    @property
    def severity(self) -> str:
        return self.entry.severity_of(self.alert).level


@dataclass
class _Seen:
    count: int
    at: datetime
    places: set[str] = field(default_factory=set)
    ended: bool = False


class Watch:
    """Compares what is found with what was found when it was looked at before."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def news(self, found: Iterable[Found], now: datetime) -> list[News]:
        """What is new at this time of the reader's clock."""
        changes = (self._change(failure, now) for failure in found)
        return [change for change in changes if change]

    def _change(self, found: Found, now: datetime) -> News | None:
        seen = self._seen.setdefault(found.entry.id, _Seen(0, now))
        new = tuple(place for place in found.places if place not in seen.places)
        kind = self._kind(seen, found.count, bool(new), now)
        if found.count != seen.count:
            seen.count, seen.at = found.count, now
        seen.places.update(new)
        seen.ended = kind == "ends" or (seen.ended and kind is None)
        if kind is None:
            return None
        places = new or tuple(found.places)
        return News(kind, found.entry, found.alert, places, found.last, found.count)

    def _kind(self, seen: _Seen, count: int, elsewhere: bool, now: datetime) -> NewsKind | None:
        if not seen.count:
            return "begins"
        if elsewhere:
            return "spreads"
        if count != seen.count:
            return "again" if seen.ended else None
        quiet = now - seen.at >= QUIET
        return "ends" if quiet and not seen.ended else None


def announcement(news: News, width: int) -> list[str]:
    """For people, folded: when, how grave, what, where; at its beginning also what to do."""
    time = written_time(news.time) or "no time"
    what = _what_changed(news, time)
    words = f"{time} {news.severity} {news.alert} {what}".split()
    return textwrap.wrap(
        " ".join(words),
        max(width, 40),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _what_changed(news: News, time: str) -> str:
    where = first_few(news.places)
    match news.kind:
        case "begins":
            return f"on {where}: {news.entry.title}. First step: {news.entry.first_step}"
        case "spreads":
            return f"also on {where}"
        case "again":
            return f"again, on {where}"
        case "ends":
            minutes = QUIET // timedelta(minutes=1)
            return f"has ended: no line for {minutes} minutes, the last one was at {time}"
