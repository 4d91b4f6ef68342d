"""A shop under load: each request enqueues a task that writes a line."""

from __future__ import annotations

import os
import time

from flask import Flask, request

from asok_core import Background, current_request

app = Flask(__name__)
tasks = Background(shutdown_timeout=float(os.environ.get("SHUTDOWN_TIMEOUT", "20")))
app.wsgi_app = tasks.wsgi(app.wsgi_app)  # type: ignore[method-assign]  # as Flask says


def note(order: str, seconds: float) -> None:
    time.sleep(seconds)
    with open(os.environ["JOURNAL"], "a") as journal:  # noqa: PTH123 - one write, one line
        journal.write(f"{order} {current_request.path} {current_request.remote_user}\n")


def fail(order: str) -> None:
    raise ConnectionError(f"no stock for {order}")


@app.post("/orders/<order>")
def create_order(order: str) -> tuple[dict[str, str], int]:
    seconds = float(request.args.get("seconds", "0.02"))
    future = request.environ["asok.app"].background(note, order, seconds=seconds)
    return {"job": future.job_id}, 202


@app.post("/failures/<order>")
def create_failing_order(order: str) -> tuple[dict[str, str], int]:
    future = request.environ["asok.app"].background(fail, order, _retries=1, _backoff=0.1)
    return {"job": future.job_id}, 202
