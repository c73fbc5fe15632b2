"""Logs are read wherever they lie, whole or broken, and what is wrong with them is said."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from generator.base.problems import ToolError
from generator.diagnose import sources

TEXT = b"".join(b"line %d of a log that is written by kube-proxy\n" % n for n in range(50_000))


def read(*paths: Path) -> tuple[dict[str, bytes], list[str]]:
    """The text of each source by its name, and what was noted."""
    notes: list[str] = []
    found = {
        one.name: b"".join(one.blocks)
        for one in sources.sources([str(path) for path in paths], notes.append)
    }
    return found, notes


def tarball(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return data.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        lambda text: text,
        gzip.compress,
        zstandard.compress,
        lzma.compress,
        bz2.compress,
        lambda text: gzip.compress(zstandard.compress(text)),
        lambda text: gzip.compress(text[:1000]) + gzip.compress(text[1000:]),
        lambda text: zstandard.compress(text[:1000]) + zstandard.compress(text[1000:]),
    ],
    ids=["plain", "gzip", "zstd", "xz", "bzip2", "zstd in gzip", "gzip in parts", "zstd in parts"],
)
def test_a_file_is_what_its_bytes_say_whatever_its_name(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "log").write_bytes(packed(TEXT))
    assert read(tmp_path / "log") == ({str(tmp_path / "log"): TEXT}, [])


@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.compress),
        ("xz", lambda text: lzma.compress(text, preset=0)),
        ("bzip2", lambda text: bz2.compress(text, 1)),
    ],
    ids=["gzip", "zstd", "xz", "bzip2"],
)
def test_of_a_file_that_is_cut_off_the_beginning_is_read(
    tmp_path: Path, kind: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(TEXT)
    (tmp_path / "log").write_bytes(packed[: len(packed) // 2])
    found, notes = read(tmp_path / "log")
    (text,) = found.values()
    assert TEXT.startswith(text)
    assert len(text) > len(TEXT) // 4
    assert notes == [f"{tmp_path / 'log'}: the {kind} data ends too early; what is there is read"]


@pytest.mark.parametrize(
    ("kind", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress)],
    ids=["gzip", "zstd"],
)
def test_of_a_file_that_is_broken_the_beginning_is_read(
    tmp_path: Path, kind: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = bytearray(pack(TEXT))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 200] = b"\xff" * 200
    (tmp_path / "log").write_bytes(packed)
    found, (note,) = read(tmp_path / "log")
    (text,) = found.values()
    assert text[:1000] == TEXT[:1000]
    assert note.startswith(f"{tmp_path / 'log'}: the {kind} data ")


def test_what_comes_before_a_wrong_checksum_is_read(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"one line\n"))
    packed[-6] ^= 1
    (tmp_path / "log").write_bytes(packed)
    found, (note,) = read(tmp_path / "log")
    assert list(found.values()) == [b"one line\n"]
    assert "the gzip data is broken" in note


def test_a_zip_archive_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kube-proxy.log", TEXT)
        archive.writestr("kube-proxy.log.1.gz", gzip.compress(b"two\n"))
        archive.writestr("kubelet.log", b"three\n")
    assert read(path) == (
        {f"{path}:kube-proxy.log": TEXT, f"{path}:kube-proxy.log.1.gz": b"two\n"},
        [f"{path}: of 3 files only those called after kube-proxy are read, 2"],
    )
    path.write_bytes(path.read_bytes()[:-60])
    found, (note,) = read(path)
    assert found == {}
    assert "the archive is broken" in note


@pytest.mark.parametrize("size", [10**24, -1])
def test_an_archive_that_lies_about_a_size_is_broken(tmp_path: Path, size: int) -> None:
    data = bytearray(tarball({"kube-proxy.log": b"one\n"}))
    data[124:136] = b"\x80" + size.to_bytes(11, "big") if size > 0 else b"\xff" * 12
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    (tmp_path / "bundle.tar").write_bytes(data)
    found, notes = read(tmp_path / "bundle.tar")
    assert found == {}
    assert "the archive is broken" in notes[-1]


def test_the_headers_of_an_archive_have_a_bound(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("kube-proxy" * 1_000_000))
    (tmp_path / "bundle.tar").write_bytes(packed.getvalue())
    found, notes = read(tmp_path / "bundle.tar")
    assert found == {}
    assert "the archive is broken" in notes[-1]


def test_a_support_bundle_is_read_with_what_is_packed_in_it(tmp_path: Path) -> None:
    inner = gzip.compress(tarball({"kube-proxy-x7k2p/logs.txt": b"deep\n"}))
    bundle = {
        "kube-proxy.log": b"one\n",
        "kube-proxy.log.1.gz": gzip.compress(b"two\n"),
        "kube-proxy-pods.tgz": inner,
    }
    for name, data in (("a.tar", tarball(bundle)), ("b.tar.gz", gzip.compress(tarball(bundle)))):
        path = tmp_path / name
        path.write_bytes(data)
        assert read(path) == (
            {
                f"{path}:kube-proxy.log": b"one\n",
                f"{path}:kube-proxy.log.1.gz": b"two\n",
                f"{path}:kube-proxy-pods.tgz:kube-proxy-x7k2p/logs.txt": b"deep\n",
            },
            [],
        )


def test_of_a_bundle_only_kube_proxys_logs_are_read_and_this_is_said(tmp_path: Path) -> None:
    files = {"kube-system/kube-proxy-x7k2p/logs.txt": b"one\n", "kube-system/kubelet.log": b"two\n"}
    (tmp_path / "bundle.tar").write_bytes(tarball(files))
    folder = tmp_path / "bundle"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    for path in (tmp_path / "bundle.tar", folder):
        found, notes = read(path)
        assert list(found.values()) == [b"one\n"]
        assert notes == [f"{path}: of 2 files only those called after kube-proxy are read, 1"]


def test_an_archive_that_is_cut_off(tmp_path: Path) -> None:
    data = tarball({"kube-proxy-1.log": b"one\n", "kube-proxy-2.log": TEXT})
    (tmp_path / "bundle.tar").write_bytes(data[:500_000])
    found, notes = read(tmp_path / "bundle.tar")
    first, second = found.values()
    assert first == b"one\n"
    assert TEXT.startswith(second)
    assert len(second) > 480_000
    assert "the archive is broken" in notes[0]


@pytest.mark.parametrize(
    ("path", "pod"),
    [
        ("/var/log/pods/kube-system_kube-proxy-x7k2p_5d1e-4f/kube-proxy/0.log", "kube-proxy-x7k2p"),
        (
            "/var/log/containers/kube-proxy-x7k2p_kube-system_kube-proxy-0123456789abcdef.log",
            "kube-proxy-x7k2p",
        ),
        ("dump/kube-system/kube-proxy-x7k2p/logs.txt", "kube-proxy-x7k2p"),
        ("kube-proxy.log", None),
    ],
)
def test_the_path_of_a_log_tells_its_pod(tmp_path: Path, path: str, pod: str | None) -> None:
    file = tmp_path / path.removeprefix("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x\n")
    (found,) = sources.sources([str(tmp_path)], print)
    assert found.pod == pod


def test_a_file_of_powershell(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("größer\n" * 100_000, encoding="utf-16")
    assert list(read(tmp_path / "log")[0].values()) == ["größer\n".encode() * 100_000]


ANSWER = b"""{"status":"success","data":{"resultType":"streams","result":[
  {"stream":{"node_name":"n1"},"values":[["1767323045678901000","E1 \\u003c\\""],["1767323045678902000","two"]]}]}}"""


def test_an_answer_of_loki_becomes_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(ANSWER)
    found, notes = read(tmp_path / "log")
    where = '"fields": {"status": "success", "resulttype": "streams", '
    assert next(iter(found.values())).decode().splitlines() == [
        f'{{"line": "E1 <\\"", {where}"timestamp": "1767323045678901000", "stream.node_name": "n1"}}}}',
        f'{{"line": "two", {where}"timestamp": "1767323045678902000", "stream.node_name": "n1"}}}}',
    ]
    assert notes == []
    (tmp_path / "log").write_bytes(ANSWER[:150])
    found, notes = read(tmp_path / "log")
    assert list(found.values()) == [ANSWER[:150]]
    assert notes == [
        f"{tmp_path / 'log'}: the JSON is broken or one of its values too large; the rest is read line by line"
    ]


def test_what_is_no_log_is_said_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"\x7fELF\0\0\xff\xfe" * 100)
    (tmp_path / "picture").write_bytes(bytes(range(256)) * 16)
    (tmp_path / "empty").write_bytes(b"")
    found, notes = read(tmp_path / "junk", tmp_path / "picture", tmp_path / "empty")
    assert list(found.values()) == [b""]
    assert notes == [
        f"{tmp_path / 'junk'}: is no log, so it is not read",
        f"{tmp_path / 'picture'}: is no log, so it is not read",
        f"{tmp_path / 'empty'}: is empty",
    ]


def test_some_bytes_that_are_no_text_do_not_make_a_log_another_thing(tmp_path: Path) -> None:
    text = (
        "proxier.go: Dienst nicht erreichbar für ü\n".encode("latin-1") * 50
        + b"a NUL \0 and ESC \x1b[1m\n"
    )
    (tmp_path / "log").write_bytes(text)
    assert read(tmp_path / "log") == ({str(tmp_path / "log"): text}, [])


def test_a_file_of_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    (tmp_path / "kept.log").write_bytes(b"kept\n")
    found, notes = read(tmp_path)
    assert list(found.values()) == [b"kept\n"]
    assert notes == [f"{tmp_path / 'gone.log'}: cannot be read: No such file or directory"]


def test_a_file_that_was_asked_for_and_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"gone\.log: cannot be read: No such file or directory"):
        read(tmp_path / "gone.log")
