import pytest

from asok_console.present.causes import by_cause, cause
from asok_core.snapshot import Row
from asok_core.states import Place
from asok_core.wire import Payload, Trust


@pytest.mark.parametrize(
    ("error", "folded"),
    [
        ("TimeoutError: order 4711 took 30.5 s", "TimeoutError: order N took N s"),
        ("KeyError: 'customer_17'", "KeyError: '…'"),
        ('ValueError: bad name "Ada"', 'ValueError: bad name "…"'),
        (
            "NotFound: 9f1c2b7e-1111-4222-8333-444455556666 is gone",
            "NotFound: <id> is gone",
        ),
        (
            "OSError: [Errno 2] No such file: /srv/media/a/17.jpg",
            "OSError: [Errno N] No such file: <path>",
        ),
        ("HTTPError: 503 from https://api.example.org/v1/x?id=3", "HTTPError: N from <url>"),
        ("SMTPError: ada@example.org refused", "SMTPError: <address> refused"),
        ("Error at 0x7f31aa: deadbeef01", "Error at <id>: <id>"),
        ("Can't open it, won't try", "Can't open it, won't try"),
        ("", ""),
    ],
)
def test_particulars_are_folded(error: str, folded: str) -> None:
    assert cause(error) == folded


def test_words_that_look_like_hexadecimal_stay() -> None:
    assert cause("Error: defaced facade accede") == "Error: defaced facade accede"


def test_letters_of_one_cause_are_counted_together() -> None:
    def letter(n: int, error: str, at: float | None) -> Row:
        payload = Payload(str(n).encode(), None, Trust.SIGNED, error=error, failed_at=at)
        return Row(n, payload, Place.DEAD, "high" if n % 2 else "low")

    causes = by_cause(
        [
            letter(1, "TimeoutError: 5 s", 100.0),
            letter(2, "TimeoutError: 31 s", 160.0),
            letter(3, "KeyError: 'a'", None),
        ]
    )
    timeouts = causes["TimeoutError: N s"]
    assert (timeouts.count, timeouts.first, timeouts.last) == (2, 100.0, 160.0)
    assert timeouts.queues == {"high": 1, "low": 1}
    assert timeouts.trend(now=170.0, span=100.0, slots=10) == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    assert causes["KeyError: '…'"].first is None
