"""What an application on the web framework enqueues; prints the word in the journal and the job's id."""

from __future__ import annotations

import sys

from asok.background import background

from tests.chaos import tasks


def main(queue: str, count: int) -> None:
    """Enqueue ``count`` jobs by the framework's own function."""
    for number in range(count):
        word = f"{queue}-{number}"
        if number % 4:
            future = background(tasks.quick, word, _queue=queue)
        else:
            future = background(tasks.nap, word, 0.1, _queue=queue)
        sys.stdout.write(f"{word} {future.job_id}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
