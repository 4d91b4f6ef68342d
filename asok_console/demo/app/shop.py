"""The tasks of the demo's web shop. Some are slow, and they fail as real ones do."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping


class PaymentDeclined(Exception):
    """The bank refused the payment."""


def charge_card(order: str, amount: float) -> dict[str, object]:
    """Charge a card for an order; sometimes the bank declines or is slow."""
    _work(0.05, 0.3)
    if _sometimes(0.04):
        raise PaymentDeclined(f"card for {order} declined: insufficient funds")
    if _sometimes(0.05):
        raise TimeoutError("bank gateway did not answer within 5000 ms")
    return {"order": order, "charged": amount}


def send_receipt(order: str, email: str) -> str:
    """Send a receipt through a mail server that sometimes refuses connections."""
    _work(0.02, 0.15)
    if _sometimes(0.06):
        raise ConnectionError(f"smtp-{random.randint(1, 3)}.example.com:587 refused the connection")
    return f"250 2.0.0 {order} queued for {email}"


def deliver_webhook(url: str, event: Mapping[str, object]) -> str:
    """Notify the server of a partner; one of them is down."""
    _work(0.05, 0.4)
    if "globex" in url:
        raise ConnectionError(f"POST {url} answered 503 Service Unavailable")
    return f"200 OK for {event['type']}"


def resize_image(path: str, width: int) -> str:
    """Make a thumbnail; some uploads are not images."""
    _work(0.3, 2.5)
    if path.endswith(".svg") or _sometimes(0.03):
        raise ValueError(f"cannot identify image file '{path}'")
    return path.replace("/original/", f"/{width}/")


def sync_inventory(sku: str, *, warehouse: str) -> str:
    """Ask a warehouse for its stock; some warehouses are unknown."""
    _work(0.05, 0.5)
    stock = {"berlin": 12, "turin": 7, "oslo": 31}
    return f"{stock[warehouse]} of {sku} in {warehouse}"


def rebuild_search_index(shard: int) -> str:
    """Index all products of a shard, which takes some seconds."""
    _work(2.0, 6.0)
    return f"shard {shard}: {random.randint(2_000, 9_000)} documents"


def warm_cache(page: str) -> str:
    """Render a page into the cache."""
    _work(0.01, 0.08)
    return f"{page} is warm"


def newsletter(campaign: str, batch: int) -> str:
    """Send one batch of a campaign."""
    _work(0.2, 0.6)
    return f"{campaign}: batch {batch} sent"


def _work(least: float, most: float) -> None:
    time.sleep(random.uniform(least, most))


def _sometimes(chance: float) -> bool:
    return random.random() < chance
