"""The modules of `make mutants`, their tests, and mutants without an effect."""

from __future__ import annotations

from typing import NamedTuple

SUBJECTS: dict[str, tuple[str, ...]] = {
    "asok_core/jobs/retry.py": ("tests/jobs/test_retry.py",),
    "asok_core/inspection/filters.py": ("tests/inspection/test_filters.py",),
    "asok_core/inspection/row_texts.py": ("tests/inspection/test_filters.py",),
    "asok_core/jobs/codec.py": ("tests/jobs/test_codec.py", "tests/jobs/test_codec_messages.py"),
    "asok_core/jobs/envelope.py": ("tests/jobs/test_envelope.py",),
    "asok_core/jobs/envelope_text.py": ("tests/jobs/test_envelope.py",),
    "asok_core/jobs/outgoing.py": ("tests/jobs/test_outgoing.py",),
    "asok_core/settings/settings.py": (
        "tests/settings/test_config.py",
        "tests/settings/test_secret_key.py",
    ),
    "asok_core/settings/kinds.py": (
        "tests/settings/test_config.py",
        "tests/settings/test_kinds.py",
    ),
    "asok_core/settings/durations.py": ("tests/settings/test_durations.py",),
    "asok_core/backends/redis/operating/scopes.py": (
        "tests/backends/redis/operating/test_scopes.py",
    ),
    "asok_core/backends/redis/operating/job_builders.py": (
        "tests/backends/redis/operating/test_job_builders.py",
    ),
}
"""Each module with its tests. Running more tests would kill more mutants, and take hours."""


class Change(NamedTuple):
    """One line of a mutant, before and after the change."""

    removed: str
    added: str


EXPLAINED: dict[Change, str] = {
    Change(
        'raise UncarriedError(EncodingProblem((), "is nested too deeply", "a flatter value")) from None',
        'raise UncarriedError(EncodingProblem(None, "is nested too deeply", "a flatter value")) from None',
    ): "the message is the same without a path as with an empty one",
    **{
        Change(
            '"a value without a flaw is converted because its parameter has other values with one"',
            f'"{changed}"',
        ): "the assertion always holds, so nothing shows its text"
        for changed in (
            "XXa value without a flaw is converted because its parameter has other values with oneXX",
            "A VALUE WITHOUT A FLAW IS CONVERTED BECAUSE ITS PARAMETER HAS OTHER VALUES WITH ONE",
        )
    },
    **{
        Change(f'return cast("{kind}", {value})', f"return cast({changed}, {value})"): (
            "only type checkers read the first argument of cast"
        )
        for kind, value in (
            ("Backend", "name"),
            ("RecordForm", "name"),
            ("EnvelopeForm", "name"),
            ("SettingKind[T | None]", "kind._replace(blank_is_unset=True)"),
        )
        for changed in (None, f'"XX{kind}XX"', f'"{kind.lower()}"', f'"{kind.upper()}"')
    },
    **{
        Change('"T",', changed): "only type checkers read the first argument of cast"
        for changed in ("None,", '"XXTXX",', '"t",')
    },
    **{
        Change("if value is None or value is True or value is False:", changed): (
            "the encoder returns the same for these values"
        )
        for changed in (
            "if value is None or value is True and value is False:",
            "if value is None and value is True or value is False:",
            "if value is None or value is False or value is False:",
            "if value is None or value is True or value is True:",
        )
    },
    Change('kind, annotation = type(value), ""', 'kind, annotation = type(None), ""'): (
        "the encoder returns the same for strings and integers, in more time"
    ),
    Change(
        "text = str(value) if kind is int else _encode(value)",
        "text = str(value) if (kind is int) and False else _encode(value)",
    ): "the encoder returns the same for integers, in more time",
    Change(
        'raise AsokError(f"the result in the record is invalid: {error}"[:300]) from None',
        'raise AsokError(f"the result in the record is invalid: {error}"[:301]) from None',
    ): "the messages of the JSON parser are shorter",
    **{
        Change(
            "for call, encoded, job_id in zip(calls, arguments, ids, strict=True)", changed
        ): "there are as many arguments and ids as calls"
        for changed in (
            "for call, encoded, job_id in zip(calls, arguments, ids, strict=None)",
            "for call, encoded, job_id in zip(calls, arguments, ids, )",
            "for call, encoded, job_id in zip(calls, arguments, ids, strict=False)",
        )
    },
    **{
        Change(
            "if 2 * len(text) + SKELETON > limit and (size := envelope_size(text)) > limit:",
            changed,
        ): "the size is counted where that is not needed, and is the same"
        for changed in (
            "if 3 * len(text) + SKELETON > limit and (size := envelope_size(text)) > limit:",
            "if 2 * len(text) + SKELETON >= limit and (size := envelope_size(text)) > limit:",
        )
    },
    Change("written = parse_written(raw)", "written = None"): (
        "the general parser returns the same, in more time"
    ),
    Change("if version is None or text is None:", "if version is None and text is None:"): (
        "an element has both or neither; the types do not say so"
    ),
    Change(
        "if version is None or text is None or signature is None:",
        "if version is None and text is None or signature is None:",
    ): "an element has both or neither; the types do not say so",
    Change(
        "return Payload(raw, None, Trust.MALFORMED, str(error), None, **dead_job)",
        "return Payload(raw, None, Trust.MALFORMED, str(error), **dead_job)",
    ): "None is the default",
    Change(
        "return Payload(raw, job, Trust.UNSIGNED, None, None, **dead_job, version=version)",
        "return Payload(raw, job, Trust.UNSIGNED, None, **dead_job, version=version)",
    ): "None is the default",
    Change(
        "fields = _bare_fields(payload.raw) if payload.text is None else json.loads(payload.text)",
        "fields = _bare_fields(payload.raw) if (payload.text is None) or True else "
        "json.loads(payload.text)",
    ): "the text of a payload is the one in its bytes",
    Change(
        "self._digests = frozenset(filter(_DIGEST.fullmatch, ids or ()))",
        "self._digests = frozenset(filter(None, ids or ()))",
    ): "an id that is not a digest is never equal to the digest of an element",
    Change(
        'seconds, micros = connection.call("TIME")', 'seconds, micros = connection.call("time")'
    ): "names of commands are compared without case",
    Change('length = connection.call("ZCARD", key)', 'length = connection.call("zcard", key)'): (
        "names of commands are compared without case"
    ),
    Change(
        "now = int(seconds) + int(micros) / 1e6", "now = int(seconds) + int(micros) / 1000001.0"
    ): "less than a microsecond, which the clock of Redis does not show",
    **{
        Change(
            'keys += (Row(0, peek(raw), Location.DEAD, "").key for raw in elements)',
            f"keys += (Row({changed}).key for raw in elements)",
        ): "the key of a row depends on its payload alone"
        for changed in (
            'None, peek(raw), Location.DEAD, ""',
            '1, peek(raw), Location.DEAD, ""',
            '0, peek(raw), None, ""',
            "0, peek(raw), Location.DEAD, None",
            '0, peek(raw), Location.DEAD, "XXXX"',
        )
    },
    **{
        Change('queue = payload.job.queue if payload.job else ""', changed): (
            "when an element was added does not depend on its queue"
        )
        for changed in (
            "queue = None",
            'queue = payload.job.queue if (payload.job) and False else ""',
            'queue = payload.job.queue if payload.job else "XXXX"',
        )
    },
    **{
        Change(
            "born = born_at(Row(0, payload, location, queue))",
            f"born = born_at(Row({changed}))",
        ): "when an element was added depends on neither its position nor its queue"
        for changed in (
            "None, payload, location, queue",
            "1, payload, location, queue",
            "0, payload, location, None",
        )
    },
    Change(
        'assert job is not None, "only what can be read is requeued"',
        'assert job is not None, "XXonly what can be read is requeuedXX"',
    ): "the assertion always holds, so nothing shows its text",
    Change(
        'assert job is not None, "only what can be read is requeued"',
        'assert job is not None, "ONLY WHAT CAN BE READ IS REQUEUED"',
    ): "the assertion always holds, so nothing shows its text",
    Change('edited = ""', "edited = None"): "empty parts are left out of the detail, None as well",
    **{
        Change(
            "return sha1(raw, usedforsecurity=False).hexdigest()",
            f"return sha1(raw, {changed}).hexdigest()",
        ): "the digest is the same; the argument matters only where a system forbids SHA-1"
        for changed in ("usedforsecurity=None", "usedforsecurity=True", "")
    },
    Change(
        'return text.encode("utf-8", "surrogatepass")',
        'return text.encode("UTF-8", "surrogatepass")',
    ): "names of encodings are compared without case",
    Change('length = value.lstrip("<>=")', 'length = value.lstrip("XX<>=XX")'): (
        "values are casefolded before, so none begins with an X"
    ),
    Change("seconds = -1", "seconds = -2"): "any negative length is refused",
    Change(
        'return row.record.function.casefold() if row.record else ""',
        'return row.record.function.casefold() if row.record else "XXXX"',
    ): "search texts are casefolded, and none is in XXXX",
}
"""Mutants that no test can kill, with the reason."""
