import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from asok_core.errors import SettingsError
from asok_core.settings.settings import Settings


def test_defaults_are_those_of_an_empty_environment() -> None:
    assert Settings.load({}) == Settings()
    assert Settings().queue_backend == "local"
    assert Settings().redis_url == "redis://localhost:6379/0"
    assert Settings().worker_queues == ("high", "default", "low")
    assert Settings().secret_key is None


@pytest.mark.parametrize(
    ("variable", "text", "attribute", "value"),
    [
        ("ASOK_QUEUE_BACKEND", " Redis ", "queue_backend", "redis"),
        ("ASOK_QUEUE_BACKEND", "", "queue_backend", "local"),
        ("ASOK_REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("REDIS_URL", "redis://h/1", "redis_url", "redis://h/1"),
        ("ASOK_NAMESPACE", "{asok}", "namespace", "{asok}"),
        ("ASOK_NAMESPACE", "team-a:asok_2", "namespace", "team-a:asok_2"),
        ("SECRET_KEY", " kept as it is ", "secret_key", " kept as it is "),
        ("SECRET_KEY", "", "secret_key", None),
        ("SECRET_KEY_FALLBACKS", "one, two,,", "secret_key_fallbacks", ("one", "two")),
        ("ASOK_TASK_MODULES", "shop.*, os:getpid", "task_modules", ("shop.*", "os:getpid")),
        ("ASOK_ENVELOPE", "Both", "envelope", "both"),
        ("ASOK_ENVELOPE", "", "envelope", "v1"),
        ("ASOK_MAX_JOB_AGE", "2d", "max_job_age", 172_800.0),
        ("ASOK_TASK_MODULES", "", "task_modules", ("*",)),
        ("ASOK_REDACT", "password, card*,", "redact", ("password", "card*")),
        ("BG_WORKERS", "4", "bg_workers", 4),
        ("ASOK_WORKER_QUEUES", "a, b ,a,", "worker_queues", ("a", "b")),
        ("ASOK_WORKER_CONCURRENCY", "1024", "worker_concurrency", 1024),
        ("ASOK_WORKER_PROCESSES", " 2 ", "worker_processes", 2),
        ("ASOK_WORKER_SHUTDOWN_TIMEOUT", "1m", "worker_shutdown_timeout", 60.0),
        ("ASOK_WORKER_HANG_LIMIT", "2m", "worker_hang_limit", 120.0),
        ("ASOK_WORKER_HANG_LIMIT", "0", "worker_hang_limit", None),
        ("ASOK_WORKER_LEASE", "1m", "worker_lease", 60.0),
        ("ASOK_RELEASE", "v1.8.2", "release", "v1.8.2"),
        ("ASOK_CANCEL_WAIT", "2m", "cancel_wait", 120.0),
        ("ASOK_EVENTS_MAX", "200", "events_max", 200),
        ("ASOK_EVENTS_MAX_AGE", "1h", "events_max_age", 3_600.0),
        ("ASOK_CRASH_LIMIT", "1", "crash_limit", 1),
        ("ASOK_RETRY_JITTER", ".25", "retry_jitter", 0.25),
        ("ASOK_RETRY_MAX_DELAY", "2h", "retry_max_delay", 7200.0),
        ("ASOK_RETRY_MAX_DELAY", "", "retry_max_delay", None),
        ("ASOK_MAX_UNCOUNTED_RETRIES", "50", "max_uncounted_retries", 50),
        ("ASOK_MAX_UNCOUNTED_AGE", "2h", "max_uncounted_age", 7200.0),
        ("ASOK_DLQ_MAX", "10", "dlq_max", 10),
        ("ASOK_RECORD_TTL", "7d", "record_ttl", 604_800.0),
        ("ASOK_DLQ_MAX_AGE", "30d", "dlq_max_age", 2_592_000.0),
        ("ASOK_RECORDS", "Framework", "records", "framework"),
        ("ASOK_RECORDS", "", "records", "hash"),
        ("ASOK_MAX_PAYLOAD", "2MiB", "max_payload", 2_097_152),
        ("ASOK_MAX_ENVELOPE", "2MiB", "max_envelope", 2_097_152),
        ("ASOK_MAX_RESULT", "512", "max_result", 512),
        ("ASOK_MAX_TRACEBACK", "16 kb", "max_traceback", 16_384),
        ("ASOK_CONSOLE_PROTECTED", "Yes", "console_protected", True),
        ("ASOK_WORKER_EXIT_WHEN_UNABLE", "on", "worker_exit_when_unable", True),
        ("ASOK_STRICT", "no", "strict", False),
        ("ASOK_APP", "src", "app", "src"),
        ("ASOK_APP", "", "app", None),
        ("ASOK_IMPORTS", "shop.setup, shop.tasks", "imports", ("shop.setup", "shop.tasks")),
        ("ASOK_IMPORTS", "", "imports", None),
    ],
)
def test_each_variable_sets_its_attribute(
    variable: str, text: str, attribute: str, value: object
) -> None:
    assert getattr(Settings.load({variable: text}), attribute) == value


def test_every_setting_is_tested_above() -> None:
    (marker,) = (
        mark
        for mark in test_each_variable_sets_its_attribute.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    )
    assert {row[2] for row in marker.args[1]} == set(Settings.declared())


@pytest.mark.parametrize("envelope", ["both", "v2"])
def test_records_for_the_framework_require_jobs_that_it_can_verify(envelope: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"ASOK_RECORDS": "framework", "ASOK_ENVELOPE": envelope})
    assert str(caught.value) == (
        f"ASOK_ENVELOPE is '{envelope}'; it must be 'v1' with ASOK_RECORDS=framework: "
        "the framework's worker loses jobs that are signed in version 2"
    )


@pytest.mark.parametrize(
    ("variable", "text", "line"),
    [
        (
            "ASOK_WORKER_HANG_LIMIT",
            "5s",
            ("ASOK_WORKER_HANG_LIMIT is '5s'; it must be 0, or at least 10s, as in 90, 90s or 5m"),
        ),
        ("ASOK_ENVELOPE", "2", "ASOK_ENVELOPE is '2'; it must be both, v1 or v2"),
        (
            "ASOK_QUEUE_BACKEND",
            "kafka",
            "ASOK_QUEUE_BACKEND is 'kafka'; it must be local, redis or eager",
        ),
        (
            "ASOK_WORKER_CONCURRENCY",
            "0",
            "ASOK_WORKER_CONCURRENCY is '0'; it must be a whole number from 1 to 1024",
        ),
        (
            "ASOK_WORKER_CONCURRENCY",
            "x",
            "ASOK_WORKER_CONCURRENCY is 'x'; it must be a whole number from 1 to 1024",
        ),
        (
            "ASOK_WORKER_CONCURRENCY",
            "",
            "ASOK_WORKER_CONCURRENCY is ''; it must be a whole number from 1 to 1024",
        ),
        ("BG_WORKERS", "-1", "BG_WORKERS is '-1'; it must be a whole number from 1 to 1024"),
        ("BG_WORKERS", "1.5", "BG_WORKERS is '1.5'; it must be a whole number from 1 to 1024"),
        (
            "ASOK_WORKER_QUEUES",
            " , ",
            ("ASOK_WORKER_QUEUES is ' , '; it must be comma-separated queue names, at least one"),
        ),
        (
            "ASOK_WORKER_QUEUES",
            "high,a\x1b[2J",
            (
                r"ASOK_WORKER_QUEUES is 'high,a\x1b[2J' (queue name 'a\x1b[2J' contains a comma or a "
                "control character); it must be comma-separated queue names, at least one"
            ),
        ),
        (
            "ASOK_WORKER_QUEUES",
            "q" * 201,
            (
                f"ASOK_WORKER_QUEUES is '{'q' * 60}...' (queue name '{'q' * 60}...' is longer "
                "than 200 characters); it must be comma-separated queue names, at least one"
            ),
        ),
        (
            "ASOK_NAMESPACE",
            "a*",
            (
                "ASOK_NAMESPACE is 'a*'; it must be made of letters, digits and . _ : - "
                "(in braces for Redis Cluster, as in {asok})"
            ),
        ),
        ("ASOK_RETRY_JITTER", "2", "ASOK_RETRY_JITTER is '2'; it must be a fraction from 0 to 1"),
        (
            "ASOK_DLQ_MAX_AGE",
            "soon",
            "ASOK_DLQ_MAX_AGE is 'soon'; it must be a duration such as 90, 90s, 5m, 2h or 7d",
        ),
        (
            "ASOK_MAX_PAYLOAD",
            "0",
            "ASOK_MAX_PAYLOAD is '0'; it must be a size in bytes such as 65536, 64KiB or 1MiB",
        ),
        (
            "ASOK_MAX_ENVELOPE",
            "1MiB",
            (
                "ASOK_MAX_ENVELOPE is 1,048,576 bytes; it must be at least 1,114,112, 64 KiB more "
                "than ASOK_MAX_PAYLOAD (1,048,576)"
            ),
        ),
        (
            "ASOK_CONSOLE_PROTECTED",
            "maybe",
            "ASOK_CONSOLE_PROTECTED is 'maybe'; it must be 1, 0, true, false, yes, no, on or off",
        ),
    ],
)
def test_a_value_that_is_invalid_is_one_clear_line(variable: str, text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({variable: text})
    assert str(caught.value) == line


@pytest.mark.parametrize("variable", ["ASOK_REDIS_URL", "REDIS_URL"])
def test_a_refused_url_is_named_without_its_password(variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({variable: "redis://me:hunter2@host:port/0"})
    line = str(caught.value)
    assert line.startswith(
        f"{variable} is 'redis://me:***@host:***/0' (its port is not a number from 1 to 65535); "
    )
    assert "\n" not in line


def test_a_refused_secret_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"SECRET_KEY": "hunter2\udcff"})
    assert str(caught.value) == (
        "SECRET_KEY is set to a value that is not shown here; it must be UTF-8 text"
    )


def test_the_first_name_of_a_setting_takes_precedence_unless_it_is_blank() -> None:
    both = {"ASOK_REDIS_URL": "redis://ours", "REDIS_URL": "redis://theirs"}
    assert Settings.load(both).redis_url == "redis://ours"
    assert Settings.load(both | {"ASOK_REDIS_URL": " "}).redis_url == "redis://theirs"


def test_secrets_are_not_in_the_repr() -> None:
    settings = Settings.load(
        {
            "SECRET_KEY": "hunter2",
            "SECRET_KEY_FALLBACKS": "hunter3",
            "ASOK_REDIS_URL": "redis://:hunter4@h",
        }
    )
    assert "hunter" not in repr(settings)
    assert settings.masked_redis_url == "redis://:***@h"


def test_a_missing_secret_key_is_reported_with_how_to_create_one() -> None:
    assert Settings.load({"SECRET_KEY": "k"}).require_secret_key() == "k"
    with pytest.raises(SettingsError) as caught:
        Settings().require_secret_key()
    assert str(caught.value) == (
        "SECRET_KEY is not set; it must be a key that signs every job on Redis. Create one with "
        'python -c "import secrets; print(secrets.token_hex(32))" and set the same for all programs '
        "that share the queues, or run `asok init`, which writes a .env file with one"
    )


def test_the_least_difference_between_envelope_and_payload_is_accepted() -> None:
    settings = Settings.load({"ASOK_MAX_PAYLOAD": "1k", "ASOK_MAX_ENVELOPE": "65k"})
    assert settings.largest_envelope == 65 * 1024
    assert Settings.load({"ASOK_MAX_PAYLOAD": "1k"}).largest_envelope == 4097 * 1024
    with pytest.raises(SettingsError) as caught:
        Settings.load({"ASOK_MAX_PAYLOAD": "1k", "ASOK_MAX_ENVELOPE": "66559"})
    assert str(caught.value) == (
        "ASOK_MAX_ENVELOPE is 66,559 bytes; it must be at least 66,560, 64 KiB more than "
        "ASOK_MAX_PAYLOAD (1,024)"
    )


def test_the_documented_way_to_create_a_secret_key_works() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().require_secret_key()
    command = re.search(r'python -c "([^"]+)"', str(caught.value))
    assert command
    made = subprocess.run(
        [sys.executable, "-c", command[1]], capture_output=True, text=True, check=True, timeout=30
    )
    assert re.fullmatch(r"[0-9a-f]{64}\n", made.stdout)


class TestDotenv:
    def test_the_environment_takes_precedence_over_the_file(self, tmp_path: Path) -> None:
        dotenv = tmp_path / ".env"
        dotenv.write_text("BG_WORKERS=3\nASOK_DLQ_MAX='7'\n# note\nEMPTY\n")
        settings = Settings.load({"BG_WORKERS": "5"}, dotenv=dotenv)
        assert (settings.bg_workers, settings.dlq_max) == (5, 7)
        assert settings.env_file == dotenv

    def test_the_nearest_file_upwards_is_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inner = tmp_path / "app" / "deep"
        inner.mkdir(parents=True)
        (tmp_path / ".env").write_text("BG_WORKERS=3\n")
        (tmp_path / "app" / ".env").write_text("BG_WORKERS=4\n")
        monkeypatch.chdir(inner)
        assert Settings.load().bg_workers == 4
        assert "BG_WORKERS" not in os.environ

    def test_with_a_given_environment_no_file_is_searched_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".env").write_text("BG_WORKERS=3\n")
        monkeypatch.chdir(tmp_path)
        assert Settings.load({}).bg_workers == 10

    def test_a_file_that_is_not_text_is_one_line(self, tmp_path: Path) -> None:
        dotenv = tmp_path / ".env"
        dotenv.write_bytes(b"BG_WORKERS=\xff\n")
        with pytest.raises(SettingsError, match=r"\.env cannot be read: it is not UTF-8 text$"):
            Settings.load({}, dotenv=dotenv)

    @pytest.mark.parametrize(
        ("text", "line", "name"),
        [
            ("A=1\nSECRET_KEY='abc\nB=2\n", 2, "SECRET_KEY"),
            ('A=1\n\nexport SECRET_KEY="abc', 3, "export SECRET_KEY"),
            ("SECRET_KEY='abc'def\n", 1, "SECRET_KEY"),
        ],
    )
    def test_an_unclosed_quote_is_reported_with_file_and_line(
        self, tmp_path: Path, text: str, line: int, name: str
    ) -> None:
        dotenv = tmp_path / ".env"
        dotenv.write_text(text)
        with pytest.raises(SettingsError) as caught:
            Settings.load({}, dotenv=dotenv)
        assert str(caught.value).startswith(
            f"{dotenv}, line {line}: the value of '{name}' cannot be parsed; a quote at the start"
        )
        assert "abc" not in str(caught.value)

    def test_a_line_that_is_not_an_assignment_is_ignored(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        dotenv = tmp_path / ".env"
        dotenv.write_text("[section]\nsome words\nBG_WORKERS=3\n")
        assert Settings.load({}, dotenv=dotenv).bg_workers == 3
        assert caplog.records == []

    def test_an_invalid_value_in_the_file_is_reported_as_usual(self, tmp_path: Path) -> None:
        dotenv = tmp_path / ".env"
        dotenv.write_text("BG_WORKERS=lots\n")
        with pytest.raises(SettingsError, match=r"^BG_WORKERS is 'lots'; it must be "):
            Settings.load({}, dotenv=dotenv)


def test_the_core_loads_neither_redis_nor_textual_nor_dotenv() -> None:
    script = (
        "import sys; from asok_core import Settings; Settings.load({}); "
        "print(sorted({'redis', 'textual', 'rich', 'humanize', 'dotenv'} & set(sys.modules)))"
    )
    reported = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert reported.stdout == "[]\n"
