"""How soon the dashboard answers: python -m benchmarks.dashboard_start [--repeats 7]

Starts, in turn, an empty Streamlit app (one line) and Tuneboard, each as a process of its own, and measures the seconds
until the server says that it is healthy and until the first page is complete. Medians, and Tuneboard's beside the
empty app's.
"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.dashboard import ROOT, Dashboard, Visitor


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text("import streamlit as st\nst.title('Empty')\n")
        found: dict[str, list[tuple[float, float]]] = {"empty app": [], "Tuneboard": []}
        for _ in range(asked.repeats):
            for name, app in (("empty app", empty), ("Tuneboard", ROOT / "app.py")):
                with Dashboard(Path(folder) / "workspace", app) as server:
                    found[name].append((server.seconds, asyncio.run(Visitor(server.port, "").open())))
    print("| | healthy after | first page complete after that |\n| --- | --- | --- |")
    medians = {
        name: [statistics.median(one) for one in zip(*times, strict=True)] for name, times in found.items()
    }
    for name, (healthy, page) in medians.items():
        print(f"| {name} | {healthy:.2f} s | {page:.2f} s |")
    ratios = [a / b for a, b in zip(medians["Tuneboard"], medians["empty app"], strict=True)]
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
