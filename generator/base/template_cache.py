"""Keeps compiled templates beside them, where Python keeps compiled modules, and trusts them as it trusts these.

To compile the template of a page takes as long as to fill it in for twenty alerts.
A place that cannot be read or written only costs time.
"""

import hashlib
import os
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

_DIGEST_BYTES = hashlib.sha256().digest_size


class BesideTheTemplates(BytecodeCache):
    """Jinja itself sees whether what was kept is of this text, of this release of Jinja and of this Python."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The file to keep it in; none for a template that is in no file."""
        if not filename:
            return ""
        with suppress(NotImplementedError):  # a Python that keeps nothing
            return f"{cache_from_source(filename)}.jinja"
        return ""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            data = Path(bucket.key).read_bytes()
            digest = data[:_DIGEST_BYTES]
            code = data[_DIGEST_BYTES:]
            if hashlib.sha256(code).digest() == digest:  # Jinja fails at what a disk has damaged
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode or not bucket.key:
            return
        code = bucket.bytecode_to_string()
        kept = Path(bucket.key)
        partial = kept.with_name(f"{kept.name}.{os.getpid()}")
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_bytes(hashlib.sha256(code).digest() + code)
                partial.replace(kept)  # in one step: no other run meets half of it
            finally:
                partial.unlink(missing_ok=True)
