"""Passwords, users and sockets: what works with which rights, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.backends.redis.producing.producer import RedisProducer
from asok_core.errors import Refused
from asok_core.jobs.job import Job, new_id
from tests.production.conftest import DeployedApplication
from tests.programs import wait_until
from tests.servers import tcp_url
from tests.users import DOCUMENTED, PASSWORD


@pytest.fixture
def user_url(
    server: EmbeddedRedis, admin: Callable[[EmbeddedRedis], redis.Redis]
) -> Callable[..., str]:
    """The URL of a user with these rights, or with those that the documentation gives it."""
    client = admin(server)

    def make(name: str, *rights: str) -> str:
        given = [each.replace("PASSWORD", PASSWORD) for each in DOCUMENTED.get(name, ())]
        given += [f">{PASSWORD}", "on"] if not given else []
        client.execute_command("ACL", "SETUSER", name, *given, *rights)
        return f"redis://{name}:{quote(PASSWORD, '')}@127.0.0.1:{server.port}/0"

    return make


def secretive(text: str) -> bool:
    return PASSWORD not in text and quote(PASSWORD, "") not in text


def test_the_documented_users_can_do_their_work(
    application: Callable[..., DeployedApplication], user_url: Callable[..., str]
) -> None:
    app = application(user_url("application"))
    ids = app.enqueue(30)
    app.url = user_url("worker")
    with app.worker("-c", "2"):
        app.wait_for_all()
        # Idle now: the next is claimed by the wait.
        app.url = user_url("application")
        ids += app.enqueue(1)
        app.wait_for_all()
        app.url = user_url("viewer")
        status = app.asok("worker", "status")
    assert status.returncode == 0, status.stderr
    app.url = user_url("application")
    app.assert_completed(ids)
    assert "WARNING" not in app.reported()
    assert "ERROR" not in app.reported()
    assert secretive(app.reported() + status.stdout + status.stderr)


def test_a_viewer_sees_the_same_as_an_operator(
    application: Callable[..., DeployedApplication],
    server: EmbeddedRedis,
    user_url: Callable[..., str],
) -> None:
    app = application(tcp_url(server))
    app.enqueue(7)
    everything = app.asok("worker", "status")
    app.url = user_url("viewer")
    seen = app.asok("worker", "status")
    assert "7" in seen.stdout
    rows = [line for line in everything.stdout.splitlines() if "chores" in line]
    assert rows
    assert [line for line in seen.stdout.splitlines() if "chores" in line] == rows


def test_a_viewer_is_plainly_informed_that_it_may_not_enqueue(
    application: Callable[..., DeployedApplication], user_url: Callable[..., str]
) -> None:
    producer = RedisProducer(application(user_url("viewer", "+eval", "+evalsha")).settings)
    try:
        with pytest.raises(Refused, match=r"^Redis at redis://viewer:\*\*\*@.* may not do that"):
            producer.enqueue([Job(new_id(), "chores", "quick", args=(1,))])
    finally:
        producer.close()


def test_a_worker_that_may_not_write_says_so_once_and_waits(
    application: Callable[..., DeployedApplication],
    server: EmbeddedRedis,
    user_url: Callable[..., str],
) -> None:
    app = application(tcp_url(server))
    app.enqueue(3)
    app.url = user_url("worker", "-@write")
    with app.worker():
        wait_until(lambda: "may not do that" in app.reported(), "the refusal")
        user_url("worker")
        app.wait_for_all()
    assert app.reported().count("may not do that") == 1
    assert secretive(app.reported())


def test_without_channels_everything_works_a_little_later(
    application: Callable[..., DeployedApplication], user_url: Callable[..., str]
) -> None:
    app = application(user_url("worker", "resetchannels"))
    app.enqueue(5)
    app.enqueue(1, "flaky")
    with app.worker("-c", "2"):
        app.wait_for_all()
        app.enqueue(1)
        app.wait_for_all()
    app.assert_completed(app.ids)
    assert app.reported().count("channels") == 1


def test_without_client_and_info_everything_works(
    application: Callable[..., DeployedApplication], user_url: Callable[..., str]
) -> None:
    app = application(user_url("worker", "-client", "-info"))
    ids = app.enqueue(5)
    with app.worker("-c", "2"):
        app.wait_for_all()
        ids += app.enqueue(1)
        app.wait_for_all()
        status = app.asok("worker", "status")
    app.assert_completed(ids)
    assert status.returncode == 0, status.stderr
    assert app.reported().count("may not use CLIENT") == 1


@pytest.mark.parametrize("form", ["redis://:{0}@127.0.0.1:{1}/0", "unix://:{0}@{2}"])
def test_a_password_alone(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    binary: Path,
    form: str,
) -> None:
    server = embedded_redis("--requirepass", PASSWORD, binary=binary, port=0)
    app = application(form.format(quote(PASSWORD, ""), server.port, server.socket))
    app.run_all()
    status = app.asok("worker", "status")
    assert status.returncode == 0, status.stderr
    assert secretive(app.reported() + status.stdout + status.stderr)


@pytest.mark.parametrize("userinfo", ["", ":wr0ng@", "no-such-user:wr0ng@"])
def test_a_wrong_password_is_one_line(
    application: Callable[..., DeployedApplication],
    embedded_redis: Callable[..., EmbeddedRedis],
    binary: Path,
    userinfo: str,
) -> None:
    server = embedded_redis("--requirepass", PASSWORD, binary=binary, port=0)
    app = application(f"redis://{userinfo}127.0.0.1:{server.port}/0")
    status = app.asok("worker", "status")
    assert status.returncode == 3
    assert status.stdout == ""
    assert len(status.stderr.splitlines()) == 1
    assert "check REDIS_URL" in status.stderr
    assert "wr0ng" not in status.stderr


def test_a_unix_socket_and_a_database(
    application: Callable[..., DeployedApplication],
    server: EmbeddedRedis,
    admin: Callable[[EmbeddedRedis], redis.Redis],
) -> None:
    app = application(f"{server.url}?db=3")
    app.run_all()
    assert admin(server).dbsize() == 0
