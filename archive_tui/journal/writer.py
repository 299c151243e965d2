"""Writing a journal: what is about to be deleted is safe on disk before it is."""

import fcntl
import os
import secrets
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from archive_tui.asynq.task_copy import Copy
from archive_tui.errors import JournalError
from archive_tui.journal import format
from archive_tui.text import line

deflate: Any = zlib
with suppress(ImportError):  # the single file `archive-tui.pyz` has nothing compiled in it
    from isal import isal_zlib as deflate

SUFFIX = ".journal.gz"
PLAIN_SUFFIX = ".ndjson"
_GZIP = 31  # zlib's word for a gzip member
_LEVEL = 1
_WRITE_AT_ONCE = 1024 * 1024


class _Plain:
    """Takes the place of a compressor in a file that is not compressed."""

    def compress(self, content: bytes) -> bytes:
        """The same."""
        return content

    def flush(self) -> bytes:
        """Nothing more."""
        return b""


def _compressor() -> Any:
    return deflate.compressobj(_LEVEL, deflate.DEFLATED, _GZIP)


class Writer:
    """One journal that is being written. `add` begins to write a batch; once its future is done, the batch is safe on
    disk. Not for several threads at once.

    A batch that cannot be written is taken out of the file again: what is in it stays readable.

    With `whole` the file is one gzip member, or plain where its name ends with `PLAIN_SUFFIX`: any reader understands
    it. What a crash leaves behind of that ends in the middle of a member.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, whole: bool = False) -> None:
        """Raises JournalError where the file exists or cannot be made."""
        self.path = path
        self._kind = _EXPORT if whole else _JOURNAL
        self._whole = (_Plain() if path.name.endswith(PLAIN_SUFFIX) else _compressor()) if whole else None
        self.batches = 0
        self._waiting: list[bytes] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._safe = 0
        self._failed = False
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = {"archive_tui": "journal", "version": format.VERSION, **header}
            self._write([format.dumps(head)])
            _sync_folder(path.parent)
        except OSError as error:
            raise _cannot(path, error, self._kind) from None

    @classmethod
    def new(cls, folder: Path, stem: str, header: Mapping[str, Any]) -> "Writer":
        """A journal in a folder, which is made where it is missing."""
        prepare_folder(folder)
        return cls(folder / f"{stem}-{secrets.token_hex(3)}{SUFFIX}", header)

    def add(self, copies: Sequence[Copy]) -> tuple[int, "Future[None]"]:
        """Begin to write a batch; returns its number, and what to wait for before anything of it is deleted."""
        self.batches += 1
        pieces = [*self._waiting, *format.task_lines(copies)]  # made here: it holds the interpreter anyway
        pieces.append(format.dumps({"batch": self.batches, "tasks": len(copies)}))
        self._waiting.clear()
        return self.batches, self._pool.submit(self._write, pieces)

    def add_large(self, copies: Sequence[Copy]) -> tuple[int, "Future[None]"]:
        """Like `add`, for a batch whose lines should not all be in memory at once."""
        self.batches += 1
        number = self.batches
        waiting = list(self._waiting)
        self._waiting.clear()

        def pieces() -> Iterable[bytes]:
            yield from waiting
            yield from format.task_lines(copies)
            yield format.dumps({"batch": number, "tasks": len(copies)})

        return number, self._pool.submit(self._write, pieces())

    def done(self, batch: int, outcomes: str) -> None:
        """Say what became of a batch, a digit for each of its tasks; written with the next batch, or at the end."""
        self._waiting.append(format.dumps({"done": batch, "outcomes": outcomes}))

    def flush(self) -> None:
        """Write what is still to be said of earlier batches, so that a reader sees it. Raises JournalError."""
        waiting, self._waiting = self._waiting, []
        self._pool.submit(self._write, waiting).result()

    def close(self, end: Mapping[str, Any] | None = None) -> None:
        """Write what is still to be said, and close the file. Raises JournalError where that fails; no batch that was
        written before is lost then.
        """
        try:
            if end is not None and not self._failed:
                self.flush()
                self._pool.submit(self._write, [format.dumps(end)]).result()  # a member of its own: found from behind
            if self._whole is not None:
                self._pool.submit(self._finish).result()
        finally:
            self._pool.shutdown()
            os.close(self._file)

    def _write(self, pieces: Iterable[bytes]) -> None:
        """Write one gzip member, or a part of the only one, and wait until the disk has it."""
        try:
            compressor = self._whole or _compressor()
            ready: list[bytes] = []
            size = 0
            empty = True
            for piece in _gathered(pieces):
                empty = False
                ready.append(compressor.compress(piece))
                size += len(ready[-1])
                if size > _WRITE_AT_ONCE:
                    _write_all(self._file, b"".join(ready))
                    ready, size = [], 0
            if empty:
                return
            if self._whole is None:
                ready.append(compressor.flush())
            _write_all(self._file, b"".join(ready))
            os.fsync(self._file)
            self._safe = os.lseek(self._file, 0, os.SEEK_CUR)
        except OSError as error:
            if self._whole is None:
                self._take_back()
            else:
                self._failed = True  # the compressor is ahead of the file: nothing more fits behind it
            raise _cannot(self.path, error, self._kind) from None

    def _finish(self) -> None:
        """End the one member of the file."""
        try:
            _write_all(self._file, self._whole.flush() if self._whole is not None else b"")
            os.fsync(self._file)
        except OSError as error:
            raise _cannot(self.path, error, self._kind) from None

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._safe)
            os.lseek(self._file, self._safe, os.SEEK_SET)
        except OSError:
            pass  # a torn end is known to readers


class Appender:
    """Adds lines to a journal that has ended: what was restored from it. For a `with`."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError where the file cannot be written, or somebody else is writing it."""
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot(path, error) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise JournalError(f"the journal {line(str(path))} is being written: wait until that has ended") from None

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def cut(self, size: int) -> None:
        """Forget a torn end, so that what is added can be read."""
        self._do(lambda: os.ftruncate(self._file, size))

    def add(self, *values: Mapping[str, Any]) -> None:
        """Add lines as one member and wait until the disk has them."""

        def write() -> None:
            os.lseek(self._file, 0, os.SEEK_END)
            compressor = _compressor()
            member = compressor.compress(b"".join(map(format.dumps, values))) + compressor.flush()
            _write_all(self._file, member)
            os.fsync(self._file)

        self._do(write)

    def _do(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            raise _cannot(self.path, error) from None


def prepare_folder(folder: Path) -> None:
    """Make the folder where it is missing, for nobody else to look into. Raises JournalError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(folder, error) from None


def _gathered(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Small pieces joined: the compressor is called a few times instead of thousands."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size > _WRITE_AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """A file whose name is not on disk yet would be lost with its content."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Kind(NamedTuple):
    """A kind of file, for errors."""

    name: str
    way_out: str
    """What can be done where it cannot be written."""


_JOURNAL = _Kind("journal", "make room, or choose another folder with --journal-dir")
_EXPORT = _Kind("export", "make room there, or choose another file")


def _cannot(path: Path, error: OSError, kind: _Kind = _JOURNAL) -> JournalError:
    reason = error.strerror or str(error)
    return JournalError(f"the {kind.name} {line(str(path))} cannot be written ({reason}): {kind.way_out}")
