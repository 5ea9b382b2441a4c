"""What reports cost, beside the same session without any.

    python benchmarks/reports.py [--rounds N]

The order pipeline of the examples is crashed at every point, at depth 2. Sessions with
and without reports take turns; compared is the processor's time, for what is written
waits for a disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = 1.25
EXAMPLE = Path(__file__).parents[1] / "examples" / "order_pipeline"
SEARCH = ("--cano-crash=all", "--cano-depth=2")


def seconds(*options: str) -> float:
    """The processor's time that a session takes."""
    before = os.times()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *SEARCH,
            *options,
        ],
        cwd=EXAMPLE,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        kinds = {
            "json": f"json:{directory}/cano.json",
            "html": f"html:{directory}/page",
            "junit": f"junit:{directory}/cano.xml",
            "sarif": f"sarif:{directory}/cano.sarif",
        }
        plain, reported = [], []
        for _ in range(rounds):
            plain.append(seconds())
            reported.append(
                seconds(*(f"--cano-report={report}" for report in kinds.values()))
            )
        sizes = [
            f"{path.name} {path.stat().st_size / 1e6:.1f} MB"
            for path in sorted(Path(directory).rglob("*"))
            if path.is_file()
        ]
    floor, ours = statistics.median(plain), statistics.median(reported)
    print(f"without reports {floor:.1f} s, with {', '.join(kinds)} {ours:.1f} s")
    print(", ".join(sizes))
    print(f"ratio {ours / floor:.2f}, target {TARGET}")
    return int(ours / floor > TARGET)


if __name__ == "__main__":
    sys.exit(main())
