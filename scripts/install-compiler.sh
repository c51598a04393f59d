#!/bin/sh
# llama-cpp-python is compiled once (pip's cache serves it afterwards): see that there is a C++ compiler.
set -eu
if [ -x .venv/bin/python ] && .venv/bin/python -c 'import llama_cpp' 2>/dev/null; then exit 0; fi
if command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1; then
    echo "Compiling llama-cpp-python (10-20 minutes on two cores, once) unless pip has it already"
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing a C++ compiler for llama-cpp-python"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends build-essential >/dev/null
else
    echo "make test compiles llama-cpp-python and needs a C++ compiler: sudo apt-get install build-essential" >&2
    exit 1
fi
