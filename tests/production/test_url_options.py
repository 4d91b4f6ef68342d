"""Whatever follows the ? of a Redis URL: it is refused by a clear line, or the connection works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import trustme
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from asok_console.demo.child_process import ManagedCommand
from asok_console.demo.embedded import EmbeddedRedis, free_port
from asok_core.backends.redis.connection import Endpoint
from asok_core.errors import AsokError, SettingsError
from asok_core.settings.redis_options import OPTIONS, names_for
from asok_core.settings.redis_url import parse_redis_url
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.production.conftest import DeployedApplication
from tests.production.test_cluster import SLOTS, bus_port
from tests.production.test_tls import Papers, Terminator
from tests.programs import ROOT, environment, run_program, wait_until
from tests.servers import tcp_url

FORMS = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "rediss+cluster")
RISKY = {"db", "username", "password", "sentinel_username", "sentinel_password"}
"""Options with which Redis itself may refuse, as it may for any that concerns TLS."""
UNKNOWN = ("max_conections", "driver_info", "retry", "connection_class", "host", "path", "ssl", "x")
ODD = ("", "0", "1", "-1", "20", "2.5", "abc", "None", "true", "no", "none", "CERT_NONE", "required",
       "1e9", "inf", "nan", "99999999999", "[]", "{}", "utf-8", "HIGH", "TLSv1.2", "/", "/dev/null",
       "\0", "\n", "é", "a b", "[VERIFY_X509_STRICT]", "VERIFY_DEFAULT")  # fmt: skip


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path / "papers")


@contextmanager
def terminated(papers: Papers, server: EmbeddedRedis | None = None) -> Iterator[Terminator]:
    """A port where the server answers by TLS."""
    terminator = Terminator(papers, server.socket if server else Path())
    yield terminator
    terminator.close()


@pytest.fixture
def form(
    request: pytest.FixtureRequest,
    embedded_redis: Callable[..., EmbeddedRedis],
    papers: Papers,
    tmp_path: Path,
) -> Iterator[str]:
    """A URL of the form that the test is parametrized by, without options, and a server for it."""
    form: str = request.param
    if form.endswith("cluster"):
        with terminated(papers) as terminator:
            port = bus_port()
            shown = terminator.port if form.startswith("rediss") else port
            options = ("--cluster-enabled", "yes", "--cluster-announce-port", str(shown))
            server = embedded_redis(*options, port=port)
            terminator.server = server.socket
            with redis.Redis.from_url(server.url) as client:
                client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
                wait_until(lambda: client.cluster("info")["cluster_state"] == "ok", "the cluster")
            yield f"{form}://127.0.0.1:{shown}"
        return
    server = embedded_redis(port=0)
    if form == "rediss":
        with terminated(papers, server) as terminator:
            yield f"rediss://127.0.0.1:{terminator.port}"
    elif form == "redis+sentinel":
        port = free_port()
        file = tmp_path / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
            f"sentinel monitor shop 127.0.0.1 {server.port} 1\n"
        )
        with ManagedCommand([server.binary, file, "--sentinel"]):
            url = f"redis+sentinel://127.0.0.1:{port}/shop"

            def is_there() -> bool:
                with suppress(AsokError):
                    Endpoint(url).connect().close()
                    return True
                return False

            wait_until(is_there, "the sentinel")
            yield url
    else:
        yield server.url if form == "unix" else tcp_url(server).removesuffix("/0")


@pytest.mark.parametrize("form", FORMS, indirect=True)
def test_any_option_is_refused_or_the_connection_works(form: str, papers: Papers) -> None:
    scheme = form.partition(":")[0]
    good = {"ssl_ca_certs": papers.ca, "ssl_certfile": papers.cert, "ssl_keyfile": papers.key}
    values = st.sampled_from([*ODD, *map(str, good.values())]) | st.text(max_size=6)
    names = st.sampled_from([*OPTIONS, *names_for(scheme), *UNKNOWN])
    some = st.dictionaries(names, values, min_size=1, max_size=3)
    worked: set[bool] = set()

    @hypothesis_settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(options=some, safe=st.booleans())
    def check(options: dict[str, str], safe: bool) -> None:
        if safe and scheme.startswith("rediss"):
            options = {"ssl_ca_certs": str(papers.ca), **options}
        options = {k: f"hunter2{v}" if "password" in k else v for k, v in options.items()}
        query = "&".join(f"{quote(name)}={quote(value, '')}" for name, value in options.items())
        worked.add(_connects(f"{form}?{query}", options))

    check()
    assert worked == {True, False}, "both are met"


def _connects(url: str, options: Mapping[str, str]) -> bool:
    try:
        parse_redis_url(url)
    except ValueError as error:
        _is_one_line(error)
        with pytest.raises(SettingsError) as caught:
            Settings.load({"REDIS_URL": url})
        _is_one_line(caught.value)
        return False
    refused: AsokError | None = None
    try:
        connection = Endpoint(url, namespace="{asok}").connect()
    except AsokError as error:
        refused = error
    else:
        assert connection.call("PING") == b"PONG"
        assert connection.call("CLIENT", "GETNAME") == b"asok"
        connection.close()
    if refused is not None:
        _is_one_line(refused)
        tls = url.startswith("rediss")
        assert tls or not RISKY.isdisjoint(options), refused
    return refused is None


def _is_one_line(error: Exception) -> None:
    text = str(error)
    assert text.isprintable()
    assert "hunter2" not in text


PROGRAM = """
from asok_core import background
from asok_core.errors import SettingsError
from time import sleep
try:
    background(sleep, 0)
except SettingsError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("redis://h?ssl_cert_reqs=none", "ssl_cert_reqs is for TLS: write rediss://"),
        ("redis://h?socket_timeout=abc", "socket_timeout is 'abc'; it must be a number of seconds"),
        ("unix:///s?family=6", "family is not one of its options"),
        ("redis+sentinel://h/m?family=6", "family is not one of its options"),
        ("redis+cluster://h?family=6", "family is not one of its options"),
        ("rediss://h?ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs is '/nowhere/ca.pem'; it cannot be"),
        ("rediss://h?ssl_ca_certs={odd}", "ssl_ca_certs is '{odd}'; no certificate can be read"),
        ("rediss://h?ssl_certfile={odd}", "ssl_certfile is '{odd}'; it must hold a certificate"),
        ("rediss://h?ssl_certfile={locked}", "(ssl_password decrypts it)"),
        ("rediss://h?ssl_ciphers=NOTHING", "ssl_ciphers is 'NOTHING'; OpenSSL knows none of them"),
        ("rediss://:hunter2@h?ssl_password=hunter2&ssl_ca_certs={odd}", "no certificate can be read"),
    ],
)  # fmt: skip
def test_a_refused_option_is_one_line_from_every_side(tmp_path: Path, url: str, line: str) -> None:
    odd, locked = tmp_path / "odd.pem", tmp_path / "locked.pem"
    odd.write_text("no certificate")
    issued = trustme.CA().issue_cert("127.0.0.1")
    # An encrypted key: OpenSSL would ask for its password on the terminal.
    encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    key = issued.private_key_pem.bytes().decode()
    head, _, rest = key.partition("\n")
    locked.write_text(f"{issued.cert_chain_pems[0].bytes().decode()}{head}\n{encrypted}{rest}")
    url, line = (each.format(odd=odd, locked=locked) for each in (url, line))
    base = {"ASOK_QUEUE_BACKEND": "redis", "SECRET_KEY": SECRET_KEY}
    sides = {
        "worker": (["-m", "asok_console", "worker"], 2, {"REDIS_URL": url}),
        "command": (["-m", "asok_console", "queue", "list"], 2, {"REDIS_URL": url}),
        "--url": (["-m", "asok_console", "worker", "status", "--url", url], 2, {}),
        "console": (["-m", "asok_console", "audit", "--url", url], 2, {}),
        "background": (["-c", PROGRAM], 0, {"REDIS_URL": url}),
    }
    for side, (words, code, more) in sides.items():
        done = run_program(sys.executable, *words, env=environment(base | more), cwd=tmp_path)
        text = done.stdout + done.stderr
        assert (done.returncode, len(text.splitlines())) == (code, 1), (side, text)
        assert line in text, (side, text)
        assert "hunter2" not in text


def test_certificates_need_not_be_checked(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    papers: Papers,
) -> None:
    with terminated(papers, embedded_redis()) as terminator:
        options = "ssl_cert_reqs=CERT_NONE&max_connections=20&decode_responses=True"
        application(f"rediss://127.0.0.1:{terminator.port}/0?{options}").run_all(3)


def test_a_database_that_is_not_there_is_one_line(
    application: Callable[..., DeployedApplication], embedded_redis: Callable[..., EmbeddedRedis]
) -> None:
    status = application(f"{embedded_redis().url}?db=4242").asok("worker", "status")
    assert status.returncode == 3
    assert status.stderr.endswith("has no database of that number; check REDIS_URL\n")


def test_each_option_is_documented() -> None:
    text = (ROOT / "docs/pages/redis.md").read_text()
    assert [name for name in OPTIONS if f"`{name}`" not in text] == []
