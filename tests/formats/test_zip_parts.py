"""A ZIP in parts: whole or not there, whatever happens to whoever writes it."""

from __future__ import annotations

import os
import signal
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from transcription.formats.zip_parts import Entry, ZipFolder, differing, join_parts, read_list, write_part

DATED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def part(path: Path, files: dict[str, bytes], *, prefix: str = "", killed_after: int | None = None) -> None:
    def write(folder: ZipFolder) -> int:
        for number, (name, data) in enumerate(files.items()):
            if number == killed_after:
                os.kill(os.getpid(), signal.SIGKILL)
            with folder.file(name, packed=name.endswith(".jpg")) as file:
                file.write(data[: len(data) // 2])
                file.write(data[len(data) // 2 :])
        return len(files)

    write_part(path, dated=DATED, prefix=prefix, write=write)


def test_parts_join_to_one_zip_of_the_same_files(tmp_path: Path) -> None:
    first = {f"ſ/{number:03}.txt": b"text " * number for number in range(50)}
    second = {"b.jpg": os.urandom(3_000_000), "empty.txt": b""}
    part(tmp_path / "1.zip", first, prefix="top/")
    part(tmp_path / "2.zip", {})
    part(tmp_path / "3.zip", second, prefix="top/")
    paths = [tmp_path / f"{number}.zip" for number in (1, 2, 3)]
    join_parts(paths, tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"top/{name}": data for name, data in (first | second).items()
        }
    expected = [entry for path in paths for entry in read_list(path)[1]]
    assert differing(tmp_path / "whole.zip", expected) == ""
    wrong = [*expected[:-1], Entry(expected[-1].name, 0, "0" * 64)]
    assert differing(tmp_path / "whole.zip", wrong) == "top/empty.txt"
    assert differing(tmp_path / "whole.zip", expected[:-1]) != ""


def test_a_writer_killed_in_the_middle_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    files = {f"{number}.txt": b"text" * 1000 for number in range(9)}
    child = os.fork()
    if not child:
        part(tmp_path / "1.zip", files, killed_after=5)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [path.name for path in tmp_path.glob("*.zip")] == []
    part(tmp_path / "1.zip", files)  # whoever comes after begins this part anew
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert len(archive.namelist()) == read_list(tmp_path / "1.zip")[0] == 9


def test_an_error_while_a_part_is_written_leaves_no_part(tmp_path: Path) -> None:
    def write(folder: ZipFolder) -> int:
        with folder.file("a.txt") as file:
            file.write(b"a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_part(tmp_path / "1.zip", dated=DATED, prefix="", write=write)
    assert list(tmp_path.iterdir()) == []
