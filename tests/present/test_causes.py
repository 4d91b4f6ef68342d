from asok_console.present.causes import by_cause, names
from asok_core.causes import MOST_CAUSES, MOST_NAMES, OTHER, Causes
from asok_core.job import Job
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


def test_groups_of_the_console_and_the_command_line_are_the_same() -> None:
    """The same causes, names and caps, whatever a hostile producer writes."""

    def letter(n: int, error: str, task: str) -> Row:
        job = Job(id=f"job-{n}", module="shop", function=task, queue=f"queue-{n % 70}")
        payload = Payload(b"{}", job, Trust.SIGNED, error=error, failed_at=float(n))
        return Row(n, payload, Place.DEAD, job.queue)

    def words(number: int) -> str:
        letters = "abcdefghij"
        return "".join(letters[int(digit)] for digit in str(number))

    rows = [letter(n, f"{words(n)}Error: no", "send") for n in range(MOST_CAUSES + 20)]
    rows += [letter(n, "AError: no", f"task_{words(n)}") for n in range(MOST_NAMES + 20)]
    shown, listed = by_cause(rows), Causes()
    listed.add(rows)
    groups = {each.cause: each for each in listed.groups()}
    assert {each.text: each.count for each in shown.values()} == {
        cause: each.count for cause, each in groups.items()
    }
    assert groups[OTHER].count > 1
    for each in shown.values():
        group = groups[each.text]
        assert dict(each.tasks) == dict(group.tasks)
        assert dict(each.queues) == dict(group.queues)
        assert len(each.tasks) <= MOST_NAMES + 1
        assert names(each.tasks, 2) == names(group.tasks, 2)
    assert [each.text for each in shown.values() if each.is_rest] == [OTHER]


def test_names_are_the_most_frequent_first() -> None:
    assert names({"b": 1, "a": 1, "c": 5}, 2) == "c, a +1"
    assert names({"b": 1}, 3) == "b"
    assert names({}, 3) == ""
