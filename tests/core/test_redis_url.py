import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.redis_url import RedisAddress, masked_url, parse_redis_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", RedisAddress("redis", (("localhost", 6379),))),
        ("redis://localhost:6380/2", RedisAddress("redis", (("localhost", 6380),), db=2)),
        (
            "rediss://me:p%40ss@cache.example.com/1",
            RedisAddress(
                "rediss", (("cache.example.com", 6379),), db=1, username="me", password="p@ss"
            ),
        ),
        ("redis://:pw@[::1]:6379/", RedisAddress("redis", (("::1", 6379),), password="pw")),
        (
            "redis://h?db=3&health_check_interval=5",
            RedisAddress(
                "redis",
                (("h", 6379),),
                db=3,
                query=(("db", "3"), ("health_check_interval", "5")),
            ),
        ),
        ("unix:///run/redis.sock", RedisAddress("unix", path="/run/redis.sock")),
        (
            "unix://:pw@/run/my%20redis.sock?db=4",
            RedisAddress(
                "unix", path="/run/my redis.sock", db=4, password="pw", query=(("db", "4"),)
            ),
        ),
        (
            "redis+sentinel://:pw@a:1,b/mymaster/5",
            RedisAddress(
                "redis+sentinel",
                (("a", 1), ("b", 26379)),
                service="mymaster",
                db=5,
                password="pw",
            ),
        ),
        (
            "rediss+cluster://a,b:7001",
            RedisAddress("rediss+cluster", (("a", 6379), ("b", 7001))),
        ),
    ],
)
def test_each_form_is_taken_apart(url: str, address: RedisAddress) -> None:
    assert parse_redis_url(url) == address


def test_an_address_knows_what_it_leads_to() -> None:
    sentinel = parse_redis_url("rediss+sentinel://a/m")
    cluster = parse_redis_url("redis+cluster://a")
    assert (sentinel.is_sentinel, sentinel.is_cluster, sentinel.is_tls) == (True, False, True)
    assert (cluster.is_sentinel, cluster.is_cluster, cluster.is_tls) == (False, True, False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "does not begin like a Redis URL"),
        ("localhost:6379", "does not begin like a Redis URL"),
        ("redis:localhost", "does not begin like a Redis URL"),
        ("http://localhost", "does not begin like a Redis URL"),
        ("redis://", "host is missing"),
        ("redis://:pw@", "host is missing"),
        ("redis://a b", "holds a space"),
        ("redis://a\x1b[2J", "control character"),
        ("redis://a:x", "port is not a number"),
        ("redis://a:0", "port is not a number"),
        ("redis://a:65536", "port is not a number"),
        ("redis://a:1:2", "port is not a number"),
        ("redis://[::1", "host"),
        ("redis://a/x", "database is not a number"),
        ("redis://a/-1", "database is not a number"),
        ("redis://a?db=x", "database is not a number"),
        ("redis://a/1/2", "too many parts"),
        ("redis://:p/w@a", "percent-encode"),
        ("redis://:p#w@a", "percent-encode"),
        ("redis://:p?w@a", "host is missing"),
        ("redis://:hunter2@a\uff0fb", "host is missing"),
        ("redis://a,b", "host"),
        ("unix://redis.sock", "three slashes"),
        ("unix:///", "three slashes"),
        ("redis+sentinel://a:1", "service is missing"),
        ("redis+sentinel://a,,b/m", "host is missing"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_redis_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://me:hunter2@h:1/0", "redis://me:***@h:1/0"),
        ("redis://me@h", "redis://me@h"),
        ("redis://:hunter2@h", "redis://:***@h"),
        ("redis://me:hun@ter2@h", "redis://me:***@h"),
        ("redis://:hun/ter2@h", "redis://:***@h"),
        ("redis://:hun?ter2@h", "redis://:***@h"),
        ("redis://:hun#ter2@h", "redis://:***@h"),
        ("unix:///run/a@b.sock?db=1", "unix:///run/a@b.sock?db=1"),
        ("unix://me:hunter2@/run/redis.sock", "unix://me:***@/run/redis.sock"),
        ("redis://h?password=hunter2&db=1", "redis://h?password=***&db=1"),
        (
            "redis+sentinel://a/m?sentinel_password=hunter2",
            "redis+sentinel://a/m?sentinel_password=***",
        ),
        ("redis:hunter2@h", "***@h"),
        ("me:hunter2@h", "***@h"),
    ],
)
def test_a_shown_url_holds_no_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@given(
    scheme=st.sampled_from(["redis://", "rediss://", "redis+sentinel://", "unix://", ""]),
    username=st.from_regex(r"[a-z]{0,5}", fullmatch=True),
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_no_password_shines_through(scheme: str, username: str, before: str, after: str) -> None:
    password = f"{before}hunter2{after}"
    assert "hunter2" not in masked_url(f"{scheme}{username}:{password}@localhost:6379/0")
