"""What the plugin costs a pytest run that uses nothing of it.

    python benchmarks/unused.py [--rounds N]

The floor is the same run without the plugin. Both run one empty test in processes of
their own, in turn; the least CPU time of each counts, because noise only adds.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = 1.05

CONFTEST = """
import sys
from pathlib import Path


def pytest_unconfigure():
    Path("modules.txt").write_text("\\n".join(sys.modules))
"""


def run(directory: Path, *options: str) -> tuple[float, set[str]]:
    """Run pytest once; return its CPU seconds and the modules it had loaded."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, *options],
        cwd=directory,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, set((directory / "modules.txt").read_text().split("\n"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    floor: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "conftest.py").write_text(CONFTEST)
        (directory / "test_empty.py").write_text("def test_empty():\n    pass\n")
        for _ in range(rounds):
            seconds, without = run(directory)
            floor.append(seconds)
            seconds, with_us = run(directory, "-p", "pytest_cano.plugin")
            ours.append(seconds)
    ratio = min(ours) / min(floor)
    print(f"without the plugin   {min(floor) * 1e3:7.1f} ms of CPU")
    print(f"with it, unused      {min(ours) * 1e3:7.1f} ms of CPU")
    print(f"modules it adds      {', '.join(sorted(with_us - without))}")
    print(f"ratio                {ratio:7.3f}    target {TARGET} or less")
    return ratio > TARGET


if __name__ == "__main__":
    sys.exit(main())
