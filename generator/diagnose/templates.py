"""Groups error lines that no entry explains by their template. No IO."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.diagnose.lines.klog import KLOG
from generator.diagnose.lines.line import Line

_MOST_TEMPLATES = 500  # templates that are kept apart
_TEXTS_KNOWN = 10_000  # texts whose template is known
_LEARNED = 2_000  # texts that templates are made of; a log of nothing but different errors has no more to teach
_LONGEST_MESSAGE = 600  # characters of a message that are looked at
# Numbers, addresses and names that differ from one line to the next; k8s and k3s do not.
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|(?<!\bk)\d+(?:[.:,]\d+)*")
_ANY = "<*>"


@dataclass
class Template:
    """What a group of messages has in common, with one of them."""

    text: str
    example: str
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None


class Templates:
    """Drain (in drain3) finds the templates; a text that came before is not looked at again."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._by_id: dict[int, Template] = {}
        self._miner: Any = None
        self._learned = 0
        self.others = 0

    def add(self, line: Line, rest: tuple[str, ...], count: int = 1) -> None:
        words = " ".join([line.text, *rest]).split()
        message = " ".join(words)[:_LONGEST_MESSAGE]
        template = self._template_of(message)
        if template is None:
            self.others += count
            return
        template.count += count
        if line.time:
            template.first = min(template.first or line.time, line.time)
            template.last = max(template.last or line.time, line.time)

    def all(self) -> list[Template]:
        """The most frequent first."""
        return sorted(self._by_id.values(), key=lambda template: -template.count)

    def _template_of(self, message: str) -> Template | None:
        """The template of a message; None if it has none that is kept, and none can be learned of it."""
        timeless = KLOG.sub(_source_head, message)
        masked = _VARYING.sub(_ANY, timeless)
        number = self._known.get(masked)
        if number is None and self._learned < _LEARNED:
            number = self._learn(masked, message)
        return None if number is None else self._by_id.get(number)

    def _learn(self, masked: str, message: str) -> int:
        self._learned += 1
        result = self._drain().add_log_message(masked)
        number = int(result["cluster_id"])
        text = str(result["template_mined"])
        if number in self._by_id:
            self._by_id[number].text = text
        elif len(self._by_id) < _MOST_TEMPLATES:
            self._by_id[number] = Template(text, message)
        if len(self._known) < _TEXTS_KNOWN:
            self._known[masked] = number
        return number

    def _drain(self) -> Any:
        if self._miner is None:
            from drain3 import TemplateMiner
            from drain3.template_miner_config import TemplateMinerConfig

            config = TemplateMinerConfig()
            config.drain_max_clusters = _MOST_TEMPLATES
            config.drain_sim_th = 0.6
            self._miner = TemplateMiner(None, config)
        return self._miner


def _source_head(head: re.Match[str]) -> str:
    """The place in the source that printed it says more than the time."""
    return f"{head['level']} {head['source']}] "
