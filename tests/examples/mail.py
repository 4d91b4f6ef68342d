"""Send a receipt by mail, after the response."""

from __future__ import annotations

import os
import smtplib
from email.message import EmailMessage

from flask import Flask, request

from asok_core import Background, current_request

app = Flask(__name__)
app.wsgi_app = Background().wsgi(app.wsgi_app)  # type: ignore[method-assign]  # as Flask says

THANKS = {"fr": "Merci", "de": "Danke"}


def send_receipt(recipient: str, order: int) -> None:
    message = EmailMessage()
    message["From"] = "shop@example.org"
    message["To"] = recipient
    message["Subject"] = f"{THANKS.get(current_request.language, 'Thank you')}: order {order}"
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
        server.send_message(message)


@app.post("/orders")
def place_order() -> tuple[dict[str, str], int]:
    tasks = request.environ["asok.app"]
    future = tasks.background(send_receipt, request.form["email"], order=7, _retries=3)
    return {"job": future.job_id}, 202
