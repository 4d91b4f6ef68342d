"""The producer, as a separate process: ``python -m tests.benchmarks.produce PEER WHAT NUMBER``.

Prints one JSON object. WHAT is ``fill`` (enqueue NUMBER marks as fast as possible), ``one`` or
``bulk`` (enqueue for NUMBER seconds, report jobs per second), ``stamps`` (enqueue NUMBER with
pauses) or ``naps``."""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

CHUNK = 1_000
"""Jobs in one bulk call."""

WARM_UP = 20
FIRST_STAMPS = 5


def fill(peer: Any, number: float) -> dict[str, Any]:
    for start in range(0, int(number), CHUNK):
        marks = [()] * min(CHUNK, int(number) - start)
        getattr(peer, "push_many", peer.push)("mark", marks)
    return {"jobs": int(number)}


def one(peer: Any, seconds: float) -> dict[str, Any]:
    peer.push("mark", [()] * WARM_UP)
    sent = 0
    begin = time.perf_counter()

    def arguments() -> Iterator[tuple[()]]:
        nonlocal sent
        while time.perf_counter() - begin < seconds:
            sent += 1
            yield ()

    peer.push("mark", arguments())
    return {"jobs": sent, "rate": sent / (time.perf_counter() - begin)}


def bulk(peer: Any, seconds: float) -> dict[str, Any]:
    peer.push_many("mark", [()] * WARM_UP)
    sent = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        peer.push_many("mark", [()] * CHUNK)
        sent += CHUNK
    return {"jobs": sent, "rate": sent / (time.perf_counter() - begin)}


def stamps(peer: Any, number: float) -> dict[str, Any]:
    def arguments() -> Iterator[tuple[float]]:
        # The first ones open connections and are not counted.
        for _ in range(FIRST_STAMPS + int(number)):
            # Jobs do not overlap, and are not synchronised with a peer's polling.
            time.sleep(random.uniform(0.015, 0.035))
            yield (time.time(),)

    peer.push("stamp", arguments())
    return {"jobs": int(number)}


def naps(peer: Any, number: float) -> dict[str, Any]:
    peer.push("nap", [(n,) for n in range(int(number))])
    return {"jobs": int(number)}


WHATS: dict[str, Callable[[Any, float], dict[str, Any]]] = {
    each.__name__: each for each in (fill, one, bulk, stamps, naps)
}


def main() -> None:
    name, what, number = sys.argv[1:]
    peer = importlib.import_module(f"tests.benchmarks.peers.{name}")
    sys.stdout.write(json.dumps(WHATS[what](peer, float(number))))


if __name__ == "__main__":
    main()
