from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch

from transcription.engines import memory
from transcription.errors import EngineFailure, OutOfMemory

GIB = 2**30


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemory("no room"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=str,
)
def test_libraries_say_in_their_own_words_that_memory_ran_out(error: Exception) -> None:
    assert memory.ran_out(error)


def test_those_that_can_be_made_to_say_it_here_are_understood() -> None:
    with pytest.raises(Exception) as numpy_says:  # noqa: PT011 - whatever it is
        np.empty(2**60, np.uint8)
    assert memory.ran_out(numpy_says.value)
    with pytest.raises(RuntimeError) as torch_says:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.ran_out(torch_says.value)
    with pytest.raises(cv2.error) as opencv_says:
        cv2.resize(np.zeros((2, 2), np.uint8), (2**30, 2**30))
    assert memory.ran_out(opencv_says.value)


@pytest.mark.parametrize(
    "error",
    [
        EngineFailure("The endpoint answered 500: out of memory"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("not enough values to unpack"),
    ],
    ids=str,
)
def test_what_others_say_of_theirs_and_other_faults_are_not_taken_for_it(error: Exception) -> None:
    assert not memory.ran_out(error)


class TestControlGroups:
    @pytest.fixture
    def group(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine with much memory, and a control group in it that has files of its own."""
        monkeypatch.setattr(memory, "CGROUPS", tmp_path)
        group = tmp_path
        place = next(
            (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "/"
        )
        group = tmp_path / place.lstrip("/")
        group.mkdir(parents=True, exist_ok=True)
        return group

    @staticmethod
    def write(group: Path, limit: str, used: int, cache: int) -> None:
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\n")

    def test_the_tightest_limit_counts_and_cached_files_are_no_use_of_memory(self, group: Path) -> None:
        self.write(group, str(GIB // 2), GIB // 4, GIB // 8)
        assert memory.total() == GIB // 2
        assert memory.available() == GIB // 2 - GIB // 4 + GIB // 8
        assert not memory.is_short()

    def test_a_group_that_is_nearly_full_is_short_of_memory(self, group: Path) -> None:
        self.write(group, str(GIB // 2), GIB // 2 - 2**20, 0)
        assert memory.is_short()

    def test_a_group_without_a_limit_or_without_files_is_none(self, group: Path) -> None:
        assert memory.total() == psutil.virtual_memory().total
        self.write(group, "max", GIB, 0)
        assert memory.total() == psutil.virtual_memory().total


def test_what_nothing_refers_to_goes_back_to_the_machine() -> None:
    before = memory.resident()
    pieces = [np.ones(2**16, np.uint8) for _ in range(3000)]  # small ones: malloc keeps such for itself
    assert memory.resident() > before + 150 * 2**20
    pieces.clear()
    memory.give_back()
    assert memory.resident() < before + 60 * 2**20


def test_a_gpu_is_asked_for_its_cache_only_where_there_is_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[int] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    memory.give_back()
    assert emptied == [], "to ask would start it, and take hundreds of megabytes"
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    memory.give_back()
    assert emptied == [1]
