"""Files of records that survive a kill: each record has its length and a checksum in front of it.

A file begins with a line that names its kind. A record that the end of the file cuts short was never acknowledged and
is dropped; a record that is damaged before the end means that acknowledged ones cannot be trusted, and is refused.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from tegro_localnet.errors import LocalnetError

_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">III")
"""Length of the record, checksum of these four bytes, checksum of the record."""


class Durability(StrEnum):
    """What the records of a file survive."""

    PROCESS = "process"
    """The end of the process, whatever ends it: what was written is in the system's hands."""
    POWER = "power"
    """The loss of power too: the disk has confirmed it. Costs an fsync, a millisecond or more on most disks."""


class FrameWriter:
    """Appends records to a file, after taking off one that its end has torn. Nothing is buffered in this process.

    Parameters
    ----------
    path : Path
        The file; made where it does not exist.
    kind : bytes
        What the file is said to be, without a line break.

    Raises
    ------
    LocalnetError
        If the file is of another kind or damaged.
    """

    def __init__(self, path: Path, kind: bytes) -> None:
        self._path = path
        _cut_torn_end(path, kind)
        self._file: Final = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._failure: str | None = None
        self.size = os.fstat(self._file).st_size
        """Bytes in the file."""
        if self.size == 0:
            self._write(kind + b"\n")

    def append(self, record: bytes) -> None:
        """Write a record, so that it survives this process.

        Raises
        ------
        LocalnetError
            If it cannot be written. No later record is taken then: the file would have a hole.
        """
        length_check = zlib.crc32(_LENGTH.pack(len(record)))
        self._write(_HEAD.pack(len(record), length_check, zlib.crc32(record)) + record)

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file. No method works after that."""
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        if self._failure is not None:
            raise LocalnetError(self._failure)
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._failure = f"{self._path} cannot be written: {error.strerror or error}"
            raise LocalnetError(self._failure) from error
        if written != len(data):
            self._failure = f"{self._path} took {written} of {len(data)} bytes: the disk is probably full"
            raise LocalnetError(self._failure)
        self.size += written


def read_frames(path: Path, kind: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, record) of a file up to its end or to a record that the end has torn. A missing file has none.

    Raises
    ------
    LocalnetError
        If the file is of another kind or damaged before its end; the sentence names file and offset.
    """
    if not path.exists():
        return
    data = path.read_bytes()
    heading = kind + b"\n"
    if not data.startswith(heading):
        if heading.startswith(data):
            return
        raise LocalnetError(f"{path} is not a file that this version of localnet can read; choose another data folder")
    offset = len(heading)
    while offset < len(data):
        record = _record_at(data, offset, path)
        if record is None:
            return
        yield offset, record
        offset += _HEAD.size + len(record)


def _cut_torn_end(path: Path, kind: bytes) -> None:
    """Take off a file the record that its end has torn, so that more can be appended."""
    if path.exists():
        ends = [offset + _HEAD.size + len(record) for offset, record in read_frames(path, kind)]
        whole = ends[-1] if ends else len(kind) + 1
        os.truncate(path, whole if whole <= path.stat().st_size else 0)


def _record_at(data: bytes, offset: int, path: Path) -> bytes | None:
    """Return the record at an offset, None where the end of the file has torn it."""
    start = offset + _HEAD.size
    if start > len(data):
        return None
    length, length_check, record_check = _HEAD.unpack_from(data, offset)
    if zlib.crc32(data[offset : offset + _LENGTH.size]) != length_check:
        # A loss of power can leave zeros where the last record should be.
        if not data[offset:].strip(b"\0"):
            return None
        raise _damage(path, offset)
    record = data[start : start + length]
    if len(record) < length:
        return None
    if zlib.crc32(record) != record_check:
        if start + length == len(data):
            return None
        raise _damage(path, offset)
    return record


def _damage(path: Path, offset: int) -> LocalnetError:
    return LocalnetError(
        f"{path} is damaged at offset {offset}; restore the data folder from a copy or start with another one"
    )
