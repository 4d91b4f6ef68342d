"""``python -m tests.chaos``: the long form, by default 20,000 jobs and at least 100 kills."""

from __future__ import annotations

import argparse
import importlib.util
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from asok_console.demo.embedded import find_redis_server, server_version
from tests.chaos.run import Chaos, ChaosPlan
from tests.chaos.scenarios import GREEN, SCENARIOS, SITUATIONS


def run(module: str, *arguments: str) -> int:
    """Run a module of Python and return its exit code."""
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode


def try_green(library: str) -> int:
    """Try a producer under a library of green threads; one that is missing is skipped aloud."""
    if importlib.util.find_spec(library) is None:
        sys.stdout.write(f"SKIPPED: {library} is not installed (pip install {library})\n")
        return 0
    return run("tests.chaos.green", library)


def main() -> int:
    """Run once and print the table. Returns 0 when nothing was lost, 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=110)
    parser.add_argument("--seconds", type=float, default=270, help="how long producers take")
    parser.add_argument("--shared", type=int, default=600, help="jobs shared with the framework")
    parser.add_argument("--seed", type=int, default=None, help="of the order of the blows")
    parser.add_argument(
        "--scenario",
        choices=sorted([*SCENARIOS, *SITUATIONS, "green"]),
        default="kills",
        help="which faults [kills]",
    )
    parser.add_argument(
        "--soak",
        metavar="MINUTES",
        type=float,
        help="inject all faults for so long, and watch what a worker uses meanwhile",
    )
    parser.add_argument(
        "--redis", metavar="PATH", type=Path, help="redis-server to run [the newest that is found]"
    )
    parser.add_argument("--keep", action="store_true", help="keep journals and logs")
    args = parser.parse_args()
    if args.scenario in SITUATIONS:
        return run("pytest", "-q", *SITUATIONS[args.scenario])
    if args.scenario == "green":
        return max(map(try_green, GREEN))
    seed = args.seed if args.seed is not None else random.randrange(10**6)
    random.seed(seed)
    folder = Path(tempfile.mkdtemp(prefix="asok-chaos-"))
    began = time.monotonic()

    def say(words: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:5.0f} s  {words}\n")

    say(f"seed {seed}; journals and logs are in {folder}")
    say(f"redis-server {server_version(args.redis or find_redis_server())}")
    plan = ChaosPlan(
        args.jobs,
        args.kills,
        args.seconds,
        args.shared,
        scenario=args.scenario,
        redis=args.redis,
    )
    if args.soak:
        seconds = args.soak * 60
        plan = ChaosPlan(
            jobs=int(seconds * 25),
            kills=int(seconds / 2.5),
            seconds=seconds,
            shared=args.shared,
            finish=300,
            redis=args.redis,
            scenario="everything",
            watched=True,
        )
    found = Chaos(plan, folder, say).run()
    sys.stdout.write(found.table() + "\n")
    if found.passed and not args.keep:
        shutil.rmtree(folder)
    return 0 if found.passed else 1


if __name__ == "__main__":
    sys.exit(main())
