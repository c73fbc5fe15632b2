"""One line as a program printed it, and what is known of it. No IO."""

from dataclasses import dataclass, field
from datetime import datetime

FRONT_CHARACTERS = 400  # in which an unknown wrapping is looked for


@dataclass(frozen=True)
class Line:
    """What the program printed, and what the wrapping says of it. `partial`: the rest comes with the next line.

    `program` is the container or the program that the wrapping names; `front` is what stood before the head and
    is no wrapping that is known.
    """

    text: str
    time: datetime | None = None
    node: str | None = None
    pod: str | None = None
    program: str | None = None
    partial: bool = False
    front: str = field(default="", compare=False)
