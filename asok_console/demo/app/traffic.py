"""What the demo's web shop enqueues: orders in waves, a nightly batch, and jobs that fail."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable
from contextlib import suppress

import shop

from asok_core import background
from asok_core.errors import AsokError

PEOPLE = ("ada", "grace", "linus", "margaret", "dennis", "barbara", "ken", "radia")
PAGES = ("/", "/sale", "/books", "/garden", "/gifts", "/kitchen")
PARTNERS = ("acme.example.com", "initech.example.com", "globex.example.com")
WAREHOUSES = ("berlin", "turin", "oslo", "lisbon")
ORDERS = itertools.count(17_001)
HEARTBEAT = 0.1
"""Seconds between two bursts."""
WAVE = 90.0
"""Seconds from one rush of visitors to the next."""


def order() -> None:
    """A visitor orders: charge, receipt, stock, and a webhook to a partner."""
    number = f"order-{next(ORDERS)}"
    email = f"{random.choice(PEOPLE)}@example.com"
    amount = round(random.uniform(9, 240), 2)
    background(shop.charge_card, number, amount, _queue="critical", _retries=2, _backoff=2)
    background(shop.send_receipt, number, email, _queue="mail", _retries=3, _backoff=3)
    sku, warehouse = f"sku-{random.randint(100, 999)}", random.choices(WAREHOUSES, (8, 8, 8, 1))[0]
    background(shop.sync_inventory, sku, warehouse=warehouse)
    partner = random.choices(PARTNERS, (6, 4, 1))[0]
    event = {"type": "order.paid", "order": number, "amount": amount}
    background(
        shop.deliver_webhook, f"https://{partner}/hooks/orders", event, _retries=1, _backoff=4
    )


def upload() -> None:
    """A seller uploads a picture."""
    path = f"/srv/media/original/{random.getrandbits(32):08x}.jpg"
    background(shop.resize_image, path, random.choice((320, 640, 1280)), _queue="media")


def visit() -> None:
    """A page is evicted from the cache."""
    background(shop.warm_cache, random.choice(PAGES), _queue="low")


def night_batch() -> None:
    """Jobs from before the console was opened: an index to rebuild, and a newsletter for later."""
    for shard in range(12):
        background(shop.rebuild_search_index, shard, _queue="low")
    for batch in range(120):
        background(shop.newsletter, "november-sale", batch, _queue="mail", _delay=120 + batch * 30)
    for number in range(60):
        # No worker serves this queue, which the console reports.
        background(shop.sync_inventory, f"sku-{number}", warehouse="oslo", _queue="legacy-export")


def broken_release() -> None:
    """Jobs that fail for good when the demo starts."""
    for number in range(14):
        path = f"/srv/media/original/{number:08x}.svg"
        background(shop.resize_image, path, 320, _queue="media")
        background(shop.sync_inventory, f"sku-{number}", warehouse="lisbon")
    for _ in range(6):
        event = {"type": "order.paid"}
        background(shop.deliver_webhook, "https://globex.example.com/hooks/orders", event)


BURST: tuple[tuple[float, Callable[[], None]], ...] = ((3.0, order), (1.2, upload), (6.0, visit))
"""Mean number of each event per second."""


def run() -> None:
    """Generate traffic until the process is killed."""
    night_batch()
    broken_release()
    began = time.monotonic()
    while True:
        rush = 1.0 + 0.7 * math.sin((time.monotonic() - began) * math.tau / WAVE)
        for rate, happen in BURST:
            expected = rate * rush * HEARTBEAT
            if random.random() < expected:
                happen()
        time.sleep(HEARTBEAT)


if __name__ == "__main__":
    with suppress(AsokError):  # Redis has ended, and so has the demo
        run()
