"""llama-cpp-python is compiled on the machine: this tells early when that went wrong."""

from __future__ import annotations

import pytest

llama_cpp = pytest.importorskip("llama_cpp", reason="the extra llamacpp is not installed")


def test_the_compiled_library_loads_and_answers() -> None:
    assert llama_cpp.llama_max_devices() >= 1
    assert b"CPU" in llama_cpp.llama_print_system_info()
