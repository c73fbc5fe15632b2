"""Reads logs where they lie: files, folders, archives, compressed or not, standard input; still growing or broken off.

What could not be read as it should have been is said in `notes`; what could be read is never lost.
"""

import bz2
import codecs
import contextlib
import io
import itertools
import lzma
import os
import re
import select
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from generator.base.problems import ToolError
from generator.base.reader import unreadable_input
from generator.diagnose import exports, folding
from generator.diagnose.windows import BLOCK

_IDLE_SECONDS = 0.5  # after which what has come is looked at
_HEAD_OF_FILE = 4096  # bytes that tell what a file is
_PIECE = 4096  # bytes that are unpacked at once
_ZSTD_WINDOW = 1 << 26  # bytes; what zstd writes unless it is asked for more than its levels give
_XZ_MEMORY = 100 << 20
_MEMBER_BYTES = 1 << 44  # what an archive says of a file's size, at most
_HEADER_BYTES = 1 << 20  # of an archive's member, long names included
_BATCH = 1000  # records that are handed on together
_ARCHIVES_IN_ARCHIVES = 3  # archives within archives
_KUBE_PROXY = "kube-proxy"
# Where container runtimes, and `kubectl cluster-info dump`, keep the log of a pod.
_POD_OF_FILE = re.compile(
    r"(?:^|[/:])(?:[a-z0-9-]+_(?P<a>[a-z0-9.-]+)_[0-9a-f-]+/[^/]+/[0-9]+\.log|(?P<b>[a-z0-9.-]+)_[a-z0-9-]+_[^/]+\.log|"
    r"(?P<c>kube-proxy-[a-z0-9]+)/)"
)
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNBROKEN_SPACE = "\u00a0".encode()  # the space of web pages and chats
_ZIP = b"PK\x03\x04"

# What the libraries for archives raise; a header can hold anything.
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
)

Note = Callable[[str], None]


@dataclass(frozen=True)
class Log:
    """A log by its name, and its bytes in blocks. An empty block: no more is there yet.

    `pod` and `node` wrote it, where that is known; `version` is that of the pod's image. `numbered`: its lines
    are those of the file.
    """

    name: str
    blocks: Iterator[bytes]
    size: int | None = None
    pod: str | None = None
    node: str | None = None
    version: str | None = None
    numbered: bool = True


def sources(paths: Sequence[str], note: Note, follow: bool = False) -> Iterator[Log]:
    """The logs at these paths, `-` being standard input. Raises ToolError for a path that cannot be read."""
    for path in paths or ("-",):
        if path == "-":
            yield from _open("standard input", _standard_input(follow), note)
        elif Path(path).is_dir():
            yield from _logs_of_folder(Path(path), note)
        else:
            try:
                yield from _log_in_file(Path(path), note, follow)
            except OSError as error:
                raise ToolError(f"{path}: cannot be read: {error.strerror}") from error


def _logs_of_folder(folder: Path, note: Note) -> Iterator[Log]:
    def unreadable(error: OSError) -> None:
        note(f"{error.filename}: cannot be read: {error.strerror}")

    found = [
        Path(at) / name for at, _, names in os.walk(folder, onerror=unreadable) for name in names
    ]
    files = {
        str(path.relative_to(folder)): path
        for path in sorted(found)
        if path.is_file() or not path.exists()
    }
    chosen = _speaking(list(files), str(folder), note)
    for name, path in files.items():
        if name in chosen:
            try:
                yield from _log_in_file(path, note)
            except OSError as error:
                note(f"{path}: cannot be read: {error.strerror}")


def _speaking(names: Sequence[str], where: str, note: Note) -> frozenset[str]:
    """Of many files those that are called after kube-proxy, if there are any: other programs have other errors."""
    own = [name for name in names if _KUBE_PROXY in name]
    if not names:
        note(f"{where}: there is no file in it")
    elif own and len(own) < len(names):
        note(
            f"{where}: of {len(names)} files only those called after {_KUBE_PROXY} are read, {len(own)}"
        )
    return frozenset(own or names)


def _log_in_file(path: Path, note: Note, follow: bool = False) -> Iterator[Log]:
    with path.open("rb") as file:
        if follow:
            yield Log(str(path), _followed(path, note), pod=_pod(str(path)), numbered=False)
        else:
            yield from _open(
                str(path), _blocks(file), note, path.stat().st_size, lambda: _member_names(path)
            )


def _open(
    name: str,
    blocks: Iterator[bytes],
    note: Note,
    size: int | None = None,
    members: Callable[[], list[str]] | None = None,
    depth: int = 0,
) -> Iterator[Log]:
    """What is in a file, told by its first bytes, not by its name. `members` lists an archive's files beforehand."""
    plain = _decompressed(name, blocks, note)
    first = next((block for block in plain if block), b"")
    stream: Iterator[bytes] = itertools.chain([first], plain)
    if first[257:262] == b"ustar" and depth < _ARCHIVES_IN_ARCHIVES:
        yield from _archive(name, stream, note, members, depth + 1)
    elif first.startswith(_ZIP) and depth < _ARCHIVES_IN_ARCHIVES:
        yield from _zip(name, stream, note, depth + 1)
    elif encoding := _encoding(first[:_HEAD_OF_FILE]):
        yield from _open(name, _transcoded(stream, encoding), note)
    elif form := exports.kind(first):
        yield Log(
            name, _export_as_lines(name, form, stream, note), None, _pod(name), numbered=False
        )
    elif columns := folding.width(first):
        note(f"{name}: its lines were folded at {columns} columns; they are put together again")
        yield Log(name, folding.unfolded(stream, columns), None, _pod(name), numbered=False)
    else:
        if not first:
            note(f"{name}: is empty")
        if _is_binary(first[:_HEAD_OF_FILE]):
            note(f"{name}: is no log, so it is not read")
            return
        if _UNBROKEN_SPACE in first:
            stream = (block.replace(_UNBROKEN_SPACE, b" ") for block in stream)
        yield Log(name, stream, size, _pod(name))


def _is_binary(head: bytes) -> bool:
    """Whether bytes are no text; journald's export has numbers in front of messages that are not plain."""
    if head.startswith(b"__CURSOR="):
        return False
    strange = sum(
        head.count(byte) for byte in (b"\0", b"\1", b"\2", b"\3", b"\4", b"\5", b"\6", b"\x7f")
    )
    undecoded = head.decode(errors="replace").count("\N{REPLACEMENT CHARACTER}")
    return strange > len(head) // 100 or undecoded > len(head) // 5


def _pod(name: str) -> str | None:
    found = _POD_OF_FILE.search(name)
    return next((pod for pod in found.groups() if pod), None) if found else None


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _standard_input(follow: bool) -> Iterator[bytes]:
    try:
        yield from _arriving(sys.stdin.fileno()) if follow else _blocks(sys.stdin.buffer)
    except OSError as error:
        raise unreadable_input(error) from error


def _arriving(number: int) -> Iterator[bytes]:
    """What comes through a pipe; an empty block whenever nothing comes for a while."""
    while True:
        if not select.select([number], [], [], _IDLE_SECONDS)[0]:
            yield b""
        elif block := os.read(number, BLOCK):
            yield block
        else:
            return


def _followed(path: Path, note: Note) -> Iterator[bytes]:
    """What is in a file and what is added to it, for ever; also where it is replaced (rotated) or begins anew."""
    while True:
        with path.open("rb") as file:
            while True:
                yield from _blocks(file)
                yield b""
                time.sleep(_IDLE_SECONDS)
                try:
                    now = path.stat()
                except FileNotFoundError:
                    continue  # between two files
                if now.st_ino != os.fstat(file.fileno()).st_ino:
                    yield from _blocks(file)
                    break
                if now.st_size < file.tell():
                    note(f"{path}: became shorter; read from its beginning")
                    break


def _decompressed(
    name: str, blocks: Iterator[bytes], note: Note, depth: int = 0
) -> Iterator[bytes]:
    """The blocks without gzip, zstd, xz or bzip2 around them."""
    first = next((block for block in blocks if block), b"")
    stream = itertools.chain([first], blocks)
    packing = next((one for one in _PACKINGS if first.startswith(one.magic)), None)
    if packing and depth < _ARCHIVES_IN_ARCHIVES:
        yield from _decompressed(name, _frames(name, packing, stream, note), note, depth + 1)
    else:
        yield from stream


@dataclass(frozen=True)
class _Packing:
    """A way to compress: the bytes it begins with, what takes it off, and what that raises."""

    name: str
    magic: bytes
    new: Callable[[], Any]


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


_PACKINGS = (
    _Packing("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    _Packing("zstd", b"\x28\xb5\x2f\xfd", _zstd),
    _Packing("xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)),
    _Packing("bzip2", b"BZh", bz2.BZ2Decompressor),
)


def _frames(name: str, packing: _Packing, blocks: Iterator[bytes], note: Note) -> Iterator[bytes]:
    """What is compressed, in small pieces: a piece may grow a thousandfold. One part may follow another."""
    unpack, begun = packing.new(), False
    for block in blocks:
        for at in range(0, len(block), _PIECE):
            piece = block[at : at + _PIECE]
            while piece:
                begun = True
                before = unpack.copy() if hasattr(unpack, "copy") else None
                try:
                    data = unpack.decompress(piece)
                except Exception as error:  # each library has its own
                    yield _before_the_fault(before, piece)
                    note(
                        f"{name}: the {packing.name} data is broken ({error}); what comes before is read"
                    )
                    return
                if data:
                    yield data
                piece = b""
                if unpack.eof:
                    piece, unpack, begun = unpack.unused_data.lstrip(b"\0"), packing.new(), False
    if begun:
        note(f"{name}: the {packing.name} data ends too early; what is there is read")


def _before_the_fault(unpack: Any, piece: bytes) -> bytes:
    """What comes out of a piece before the byte that is wrong."""
    data = b""
    with contextlib.suppress(Exception):
        for at in range(len(piece) if unpack else 0):
            data += unpack.decompress(piece[at : at + 1])
    return data


class _Stream(io.RawIOBase):
    """Blocks as a file for tarfile to read from, as far as it is allowed: a header can claim any length of itself."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")
        self.allow(0)

    def allow(self, size: int) -> None:
        """Let a file of this size, and the headers after it, be read."""
        self._allowed = size + _HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        parts: list[memoryview] = []
        self._allowed -= size
        if self._allowed < 0:
            raise tarfile.ReadError(f"a header of more than {_HEADER_BYTES} bytes")
        while size > 0:
            if not self._left:
                self._left = memoryview(next((block for block in self._blocks if block), b""))
                if not self._left:
                    break
            parts.append(self._left[:size])
            self._left = self._left[size:]
            size -= len(parts[-1])
        return b"".join(parts)


def _members(archive: tarfile.TarFile, stream: _Stream) -> Iterator[tarfile.TarInfo]:
    """The members of an archive. Raises ReadError where it claims what cannot be."""
    for member in archive:
        if not 0 <= member.size < _MEMBER_BYTES:
            raise tarfile.ReadError(f"a file of {member.size} bytes")
        stream.allow(member.size)
        yield member


def _archive(
    name: str,
    blocks: Iterator[bytes],
    note: Note,
    members: Callable[[], list[str]] | None,
    depth: int,
) -> Iterator[Log]:
    names = members() if members else []
    chosen = _speaking(names, name, note) if names else None
    stream, number = _Stream(blocks), 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in _members(archive, stream):
                file = archive.extractfile(member) if member.isfile() else None
                number += member.isfile()
                if file and (chosen is None or member.name in chosen):
                    yield from _open(
                        f"{name}:{member.name}",
                        _gathered(name, file, note),
                        note,
                        member.size,
                        depth=depth,
                    )
        if not number:
            note(f"{name}: there is no file in it")
    except _BROKEN as error:
        note(f"{name}: the archive is broken ({error}); what comes before is read")


def _zip(name: str, blocks: Iterator[bytes], note: Note, depth: int) -> Iterator[Log]:
    """The files of a zip archive, whose list of contents is at its end; it is kept on disk for that."""
    with tempfile.TemporaryFile() as kept:
        for block in blocks:
            kept.write(block)
        try:
            with zipfile.ZipFile(kept) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                chosen = _speaking([member.filename for member in members], name, note)
                for member in members:
                    if member.filename in chosen:
                        with archive.open(member) as file:
                            inside = f"{name}:{member.filename}"
                            yield from _open(
                                inside,
                                _gathered(name, file, note),
                                note,
                                member.file_size,
                                depth=depth,
                            )
        except _BROKEN as error:
            note(f"{name}: the archive is broken ({error}); what comes before is read")


def _gathered(name: str, file: IO[bytes], note: Note) -> Iterator[bytes]:
    """A file of an archive, also the beginning of one that is cut off."""
    while True:
        parts: list[bytes] = []
        try:
            while len(parts) < BLOCK // _PIECE and (piece := file.read(_PIECE)):
                parts.append(piece)
        except _BROKEN as error:
            note(f"{name}: the archive is broken ({error}); what comes before is read")
            yield b"".join(parts)
            return
        if not parts:
            return
        yield b"".join(parts)


def _member_names(path: Path) -> list[str]:
    """The names of an archive's files, as far as it is whole."""
    names: list[str] = []
    with path.open("rb") as file, contextlib.suppress(*_BROKEN):
        stream = _Stream(_decompressed(str(path), _blocks(file), lambda note: None))
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            names.extend(member.name for member in _members(archive, stream) if member.isfile())
    return names


def _encoding(head: bytes) -> str | None:
    """UTF-32 or UTF-16, with a mark or without: then of each two bytes one is mostly zero."""
    if head.startswith(_UTF32):
        return "utf-32"
    if head.startswith(_UTF16):
        return "utf-16"
    least = max(8, len(head) * 2 // 5)
    for encoding, zeros, others in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        if zeros.count(0) >= least and not others.count(0):
            return encoding
    return None


def _transcoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """What PowerShell's `>` writes."""
    decode = codecs.getincrementaldecoder(encoding)("replace").decode
    for block in blocks:
        yield decode(block).encode()


def _export_as_lines(name: str, form: str, blocks: Iterator[bytes], note: Note) -> Iterator[bytes]:
    """A document or table as lines; where it is broken, what is left as it is."""
    records = exports.as_lines(form, blocks)
    try:
        while batch := b"".join(itertools.islice(records, _BATCH)):
            yield batch
    except exports.BrokenExportError as error:
        note(
            f"{name}: the {form.upper()} is broken or one of its values too large; the rest is read line by line"
        )
        yield error.rest.encode(errors="replace")
        yield from blocks
