"""``python -m tests.benchmarks``: measure this queue and the peers, and write the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from asok_console.demo.embedded import EmbeddedRedis, server_version
from tests.benchmarks.calm import await_calm
from tests.benchmarks.cases import CASES, CaseSize, RecoveryCase, chosen
from tests.benchmarks.catalogue import PEERS, Peer
from tests.benchmarks.stage import Failed, PeerStage
from tests.benchmarks.table import Results, failure_line, markdown
from tests.servers import tcp_url

RECOVER = "recover"


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks on the command line. Returns 0."""
    options = _options(arguments)
    peers = [peer for peer in chosen(options.peers) if peer.version(peer.package)]
    cases = options.cases or [*CASES, RECOVER]
    size = CaseSize(options.share, options.seconds, options.stamps, options.naps)
    results = Results()
    with EmbeddedRedis(port=0) as server:
        version = ".".join(map(str, server_version(server.binary) or ()))
        reported = (
            f"Redis {version} on this machine, TCP over loopback for all, nothing saved to disk"
        )
        timed = [case for case in cases if case in CASES]
        rounds = _rounds(options.rounds, options.minutes * 60) if timed else ()
        number = 0
        for number in rounds:
            for peer in peers:
                _log(f"round {number} of {options.rounds}: {peer.name}")
                for case in timed:
                    await_calm(options.patience)
                    _perform(peer, case, size, tcp_url(server), results)
    if RECOVER in cases:
        _recover(peers, size, results)
    text = markdown(results, peers, reported, max(1, number))
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="*", default=[], metavar="PEER", choices=[*names, []])
    parser.add_argument("--cases", nargs="*", default=[], choices=[*CASES, RECOVER, []])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--minutes",
        type=float,
        default=13,
        help="time limit for the rounds; there may be fewer [13]",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="share of each peer's number of jobs in a drain [1]",
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="duration of each enqueue case [1]"
    )
    parser.add_argument(
        "--stamps", type=int, default=110, help="jobs whose latency is measured [110]"
    )
    parser.add_argument("--naps", type=int, default=10, help="jobs in a recovery [10]")
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        help="seconds to wait before each case until the machine is otherwise idle [0]",
    )
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    return parser.parse_args(arguments)


def _rounds(most: int, seconds: float) -> Iterator[int]:
    """Numbers of rounds, as long as there is time for another one of average duration."""
    begun = time.monotonic()
    for number in range(1, most + 1):
        yield number
        if (time.monotonic() - begun) * (number + 1) / number > seconds:
            return


def _perform(peer: Peer, case: str, size: CaseSize, url: str, results: Results) -> None:
    try:
        with PeerStage(peer, url) as stage:
            results.add(peer, CASES[case](stage, size))
    except Failed as failure:
        _log(f"{peer.name}, {case}: {failure}")
        results.failures.append(failure_line(peer, case, str(failure)))


def _recover(peers: list[Peer], size: CaseSize, results: Results) -> None:
    servers: list[EmbeddedRedis] = []
    running: list[RecoveryCase] = []
    try:
        # The next one begins after the previous one was killed and had time to restart.
        for whole in (False, True):
            for peer in peers:
                _log(f"recovery of {peer.name}, {'all' if whole else 'running'} processes killed")
                servers.append(EmbeddedRedis(port=0))
                running.append(
                    RecoveryCase(PeerStage(peer, tcp_url(servers[-1])), size, whole=whole)
                )
                running[-1].start()
                running[-1].settled.wait(60)
        for recovery in running:
            recovery.join(120)
            results.add(recovery.stage.peer, recovery.figures)
    finally:
        for recovery in running:
            recovery.stage.close()
        for server in servers:
            server.close()


def _log(words: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


if __name__ == "__main__":
    sys.exit(main())
