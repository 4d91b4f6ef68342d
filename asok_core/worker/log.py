"""Log lines of a worker: for people, or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
import time

logger = logging.getLogger("asok.worker")

FIELDS = ("job_id", "queue", "attempt", "duration", "arguments")


class TextFormatter(logging.Formatter):
    """``12:00:01 WARNING mail.send failed: ...  queue=high attempt=1/4 duration=35ms job=...``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        message = record.getMessage()
        if record.name.startswith("asok."):
            message = _printable(message)
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname:<7} {message}"
        extras = []
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                shown = f"{value * 1000:.0f}ms" if name == "duration" else value
                extras.append(f"{'job' if name == 'job_id' else name}={_printable(str(shown))}")
        if extras:
            line = f"{line}  {' '.join(extras)}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _printable(text: str) -> str:
    # Ids and names come from Redis: no line of theirs may pass for ours, or steer a terminal.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time level logger message`` and the fields of a job."""

    def format(self, record: logging.LogRecord) -> str:
        """The JSON text of a record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {
            name: value for name in FIELDS if (value := getattr(record, name, None)) is not None
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def warn_of_dropped(letters: int) -> None:
    """Say that so many of the oldest dead letters had to make room."""
    if letters:
        logger.warning("%d of the oldest dead letters were dropped (ASOK_DLQ_MAX)", letters)


def set_up_logging(level: str = "info", form: str = "text") -> None:
    """Send the worker's log lines to standard error, in the form asked for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
