"""Files of records: what the end has torn is dropped, what is damaged before is refused, with file and offset."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import FrameWriter, read_frames

KIND = b"test 1"
RECORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def written(path: Path, records: list[bytes]) -> bytes:
    path.unlink(missing_ok=True)
    writer = FrameWriter(path, KIND)
    for record in records:
        writer.append(record)
    writer.close()
    return path.read_bytes()


def offsets_of(path: Path) -> list[int]:
    return [offset for offset, _ in read_frames(path, KIND)]


def records_of(path: Path) -> list[bytes]:
    return [record for _, record in read_frames(path, KIND)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames") / "file"


@given(records=RECORDS)
def test_what_was_appended_is_read(path: Path, records: list[bytes]) -> None:
    written(path, records)
    assert records_of(path) == records


@given(records=RECORDS, data=st.data())
def test_a_file_cut_anywhere_keeps_its_whole_records_and_goes_on(
    path: Path, records: list[bytes], data: st.DataObject
) -> None:
    content = written(path, records)
    ends = [*offsets_of(path)[1:], len(content)]
    cut = data.draw(st.integers(min_value=0, max_value=len(content)))
    path.write_bytes(content[:cut])
    whole = records[: sum(end <= cut for end in ends)]
    assert records_of(path) == whole
    writer = FrameWriter(path, KIND)
    writer.append(b"more")
    writer.close()
    assert records_of(path) == [*whole, b"more"]


@given(records=st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=6), data=st.data())
def test_a_changed_byte_before_the_last_record_is_refused(
    path: Path, records: list[bytes], data: st.DataObject
) -> None:
    content = written(path, records)
    offsets = offsets_of(path)
    place = data.draw(st.integers(min_value=offsets[0], max_value=offsets[-1] - 1))
    flip = data.draw(st.integers(min_value=1, max_value=255))
    path.write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
    damaged = max(offset for offset in offsets if offset <= place)
    with pytest.raises(LocalnetError) as refusal:
        records_of(path)
    assert str(refusal.value).startswith(f"{path} is damaged at offset {damaged};")
    with pytest.raises(LocalnetError, match="is damaged at offset"):
        FrameWriter(path, KIND)


def test_a_last_record_whose_bytes_never_reached_the_disk_is_dropped(path: Path) -> None:
    content = written(path, [b"first", b"second"])
    last = offsets_of(path)[-1]
    for lost in (b"\0" * (len(content) - last), content[last : last + 12] + b"\0" * 6):
        path.write_bytes(content[:last] + lost)
        assert records_of(path) == [b"first"]


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    written(path, [b"x"])
    with pytest.raises(LocalnetError, match="is not a file that this version of localnet can read"):
        list(read_frames(path, b"test 2"))


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    assert list(read_frames(tmp_path / "none", KIND)) == []
    assert not (tmp_path / "none").exists()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import FrameWriter
writer = FrameWriter(Path(sys.argv[1]), b"test 1")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for record in (b"fits", b"x" * 200, b"fits"):
    try:
        writer.append(record)
    except LocalnetError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the size of files")
def test_after_a_failed_write_nothing_more_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "file"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first == second
    assert first.startswith(f"{path} took ")
    assert records_of(path) == [b"fits"]
