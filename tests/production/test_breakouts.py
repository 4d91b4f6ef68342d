"""The documented users of Redis try to break out: no other command, no other key, no other channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from tests.readme.rights import commands
from tests.servers import every_server, name_of, tcp_url
from tests.users import user_url

ROLES = ("viewer", "application", "worker", "operator")
SCRIPTED = ROLES[1:]
SECRET = "of another application"
SUBCOMMANDS = {
    "acl": (
        "setuser",
        "list",
        "getuser",
        "deluser",
        "load",
        "save",
        "log",
        "users",
        "whoami",
        "genpass",
    ),
    "client": (
        "kill",
        "pause",
        "unpause",
        "list",
        "getname",
        "id",
        "reply",
        "tracking",
        "caching",
        "getredir",
        "unblock",
        "info",
        "trackinginfo",
    ),
    "cluster": ("slots", "nodes", "reset", "failover", "forget", "meet"),
    "command": ("count", "getkeys", "info"),
    "config": ("get", "set", "rewrite", "resetstat"),
    "debug": ("sleep", "object", "segfault", "reload"),
    "latency": ("reset", "latest"),
    "memory": ("purge", "stats", "usage"),
    "module": ("load", "list", "unload"),
    "object": ("encoding", "freq"),
    "pubsub": ("channels", "numsub"),
    "script": ("flush", "kill", "load", "exists", "debug"),
    "slowlog": ("get", "reset"),
    "xgroup": ("create", "destroy"),
    "xinfo": ("stream", "groups"),
}
"""Of Redis 6.2, which lists none. Later servers list their own."""


@pytest.fixture(params=every_server(), ids=name_of)
def binary(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@contextmanager
def as_user(root: redis.Redis, server: EmbeddedRedis, role: str) -> Iterator[Callable[..., Any]]:
    """Send single commands as the user of a role; an error reply is returned, not raised."""
    url = tcp_url(server) if role == "default" else user_url(root, role, tcp_url(server))
    client = redis.Redis.from_url(url, protocol=2)
    connection = client.connection_pool.get_connection()

    def send(*words: str) -> Any:
        try:
            connection.send_command(*words)
            return connection.read_response()
        except redis.ResponseError as error:
            return error

    yield send
    client.close()


def every_command(send: Callable[..., Any]) -> Iterator[tuple[list[str], bool]]:
    """Each command of the server with as many arguments as it needs, and whether they are keys."""
    for name, arity, flags, first_key, *_, subcommands in map(_padded, send("COMMAND")):
        if b"no_auth" in flags:
            continue  # AUTH and its like: any client that is connected may log in.
        listed = {each[0].decode(): each[1] for each in subcommands}
        known = {f"{name.decode()}|{each}": -2 for each in SUBCOMMANDS.get(name.decode(), ())}
        for each, least in (listed or known or {name.decode(): arity}).items():
            words = each.split("|")
            yield [*words, *["other:x"] * (abs(least) - len(words))], first_key > 0


def _padded(entry: list[Any]) -> list[Any]:
    """An entry of COMMAND with the list of its subcommands last, which Redis 6.2 does not report."""
    return [*entry[:4], entry[9] if len(entry) > 9 else []]


def is_allowed(role: str, words: list[str]) -> bool:
    return bool({words[0].upper(), " ".join(words[:2]).upper()} & commands(role))


@pytest.mark.parametrize("role", ROLES)
def test_a_user_can_use_no_other_command_and_no_other_key(
    root: redis.Redis, server: EmbeddedRedis, role: str
) -> None:
    root.set("other:x", SECRET)
    here = root.client_id()
    with as_user(root, server, "default") as ask:
        known = list(every_command(ask))
    tried = 0
    with as_user(root, server, role) as send:
        for words, of_keys in known:
            mine = is_allowed(role, words)
            if mine and not of_keys:
                continue
            reply = send(*words)
            assert is_denied(reply), (words, reply)
            tried += 1
            if role in SCRIPTED and not mine:
                reply = send("EVAL", "return redis.call(unpack(ARGV))", "0", *words)
                assert isinstance(reply, redis.ResponseError), (words, reply)
    assert tried > 200
    assert root.get("other:x") == SECRET.encode()
    assert root.keys("*") == [b"other:x"]
    assert root.client_id() == here, "the connection of another client was ended"


def is_denied(reply: Any) -> bool:
    # Redis itself allows some to no user, and refuses EXEC as a part of a transaction.
    words = ("no permissions", "command not allowed", "NOPERM")
    refused = isinstance(reply, redis.ResponseError) and any(each in str(reply) for each in words)
    return refused or isinstance(reply, redis.exceptions.NoPermissionError)


@pytest.mark.parametrize("role", ROLES)
def test_attacks_that_are_known(root: redis.Redis, server: EmbeddedRedis, role: str) -> None:
    root.set("other:x", SECRET)
    root.lpush("asok", SECRET)
    attacks = [
        "CLIENT PAUSE 60000",
        f"CLIENT KILL ID {root.client_id()}",
        "CLIENT KILL TYPE normal SKIPME no",
        "CLIENT NO-EVICT on",
        "FLUSHDB",
        "FLUSHALL ASYNC",
        "CONFIG GET requirepass",
        "CONFIG SET dir /tmp",
        "CONFIG REWRITE",
        "DEBUG SLEEP 60",
        "SHUTDOWN NOSAVE",
        "REPLICAOF 127.0.0.1 1",
        "MODULE LOAD /tmp/x.so",
        "MONITOR",
        f"ACL SETUSER {role} +@all",
        "ACL LIST",
        "SCRIPT FLUSH",
        "FUNCTION FLUSH",
        "KEYS *",
        "SELECT 1",
        "GET other:x",
        "LRANGE asok 0 -1",
        "SET other:x 1",
        "DEL other:x",
        "RENAME asok:queue other:x",
        "LMOVE asok:queue other:x LEFT RIGHT",
        "MGET asok:x other:x",
        "DUMP asok:queue",
        "MIGRATE 127.0.0.1 1 asok:queue 0 1",
        "SORT asok:queue BY nosort GET other:*",
        "SUBSCRIBE other:wake",
        "PSUBSCRIBE *",
        "PUBLISH other:wake x",
        "MULTI",
    ]
    if role == "viewer":
        attacks += ["SET asok:x 1", "LPUSH asok:queue x", "DEL asok:queue", "EXPIRE asok:queue 1"]
        attacks += ["PUBLISH asok:wake x", "SUBSCRIBE asok:wake", "EVAL return(1) 0"]
        attacks += ["SCRIPT LOAD return(1)", "EVALSHA " + "0" * 40 + " 0", "FCALL f 0"]
    with as_user(root, server, role) as send:
        for attack in attacks:
            words = attack.split()
            reply = send(*words)
            # Some are not known to each server.
            unknown = isinstance(reply, redis.ResponseError) and "nknown" in str(reply)
            assert is_denied(reply) or unknown, (attack, reply)
            if role in SCRIPTED:
                reply = send("EVAL", "return redis.call(unpack(ARGV))", "0", *words)
                assert isinstance(reply, redis.ResponseError), (attack, reply)
        if role in SCRIPTED:
            # By a key that is named as one's own.
            reply = send("EVAL", "return redis.call('GET', 'other:x')", "1", "asok:x")
            assert isinstance(reply, redis.ResponseError)
    assert root.get("other:x") == SECRET.encode()
    assert root.dbsize() == 2
