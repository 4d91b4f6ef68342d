from asok_console.present.causes import by_cause
from asok_core.snapshot import Row
from asok_core.states import Place
from asok_core.wire import Payload, Trust


def test_letters_of_one_cause_are_counted_together() -> None:
    def letter(n: int, error: str, at: float | None) -> Row:
        payload = Payload(str(n).encode(), None, Trust.SIGNED, error=error, failed_at=at)
        return Row(n, payload, Place.DEAD, "high" if n % 2 else "low")

    causes = by_cause(
        [
            letter(1, "TimeoutError: 5 s", 100.0),
            letter(2, "TIMEOUTERROR: 31 s", 160.0),
            letter(3, "KeyError: 'a'", None),
        ]
    )
    timeouts = causes["timeouterror: n s"]
    assert (timeouts.count, timeouts.first, timeouts.last) == (2, 100.0, 160.0)
    assert timeouts.text == "TimeoutError: N s"
    assert timeouts.queues == {"high": 1, "low": 1}
    assert timeouts.trend(now=170.0, span=100.0, slots=10) == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    assert causes["keyerror: '…'"].first is None
