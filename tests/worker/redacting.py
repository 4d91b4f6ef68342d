"""Tasks of the tests that get values which no reader may see."""

from __future__ import annotations

from typing import Any

from asok_core import task


def find(user: str, password: str) -> None:
    raise KeyError(f"no account for {user} with {password!r}")


def sign_up(user: str, password: str, options: Any = None) -> Any:
    """Fail with everything in the error, as validating libraries do."""
    try:
        find(user, password)
    except KeyError as error:
        raise ValueError(f"cannot sign up {user}: password={password}, {options}") from error


@task(redact=("card*",), retries=0)
def pay(user: str, card: str, amount: int = 0) -> dict[str, Any]:
    raise ValueError(f"{card} was declined for {user}: {amount}")


def answer(user: str, token: str) -> dict[str, Any]:
    return {"user": user, "token": token, "nested": [{"api_token": token}]}
