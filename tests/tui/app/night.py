"""A shop whose payments fail for as long as the gateway is down."""

import os
from pathlib import Path

FOLDER = Path(os.environ["NIGHT"])


def charge(order):
    if (FOLDER / "gateway-is-down").exists():
        raise TimeoutError(f"gateway took longer than {order % 7 + 20} s")
    with (FOLDER / "charged").open("a") as journal:
        journal.write(f"{order}\n")


def invoice(order):
    raise ValueError(f"order {order} has no lines")
