"""A server that answers every request with given bytes, piece by piece, on loopback until the block ends."""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


@contextmanager
def answering(pieces: Iterable[bytes], pause: float = 0.0, reset: bool = False) -> Iterator[str]:
    """The address; `pieces` are sent to each who connects, with a pause between them, and then nothing more.

    With `reset` the connection is not ended but torn down.
    """
    pieces = list(pieces)
    over = Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for piece in pieces:
                connection.sendall(piece)
                if over.wait(pause) if pause else over.is_set():
                    return

    def accept() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                Thread(target=serve, args=(connection,), daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


def whole(body: bytes, *headers: str) -> bytes:
    """An answer of a server that is content."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
