from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.settings.redis_url import RedisAddress, masked_url, parse_redis_url


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
            "redis://h?db=3&health_check_interval=5&socket_connect_timeout=2.5",
            RedisAddress("redis", (("h", 6379),), db=3, options={"socket_connect_timeout": 2.5}),
        ),
        ("unix:///run/redis.sock", RedisAddress("unix", path="/run/redis.sock")),
        (
            "unix://:pw@/run/my%20redis.sock?db=4",
            RedisAddress("unix", path="/run/my redis.sock", db=4, password="pw"),
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
def test_each_form_is_parsed(url: str, address: RedisAddress) -> None:
    assert parse_redis_url(url) == address


def test_the_kind_of_an_address() -> None:
    sentinel = parse_redis_url("rediss+sentinel://a/m")
    cluster = parse_redis_url("redis+cluster://a")
    assert (sentinel.is_sentinel, sentinel.is_cluster, sentinel.is_tls) == (True, False, True)
    assert (cluster.is_sentinel, cluster.is_cluster, cluster.is_tls) == (False, True, False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "scheme is not one of a Redis URL"),
        ("localhost:6379", "scheme is not one of a Redis URL"),
        ("redis:localhost", "scheme is not one of a Redis URL"),
        ("http://localhost", "scheme is not one of a Redis URL"),
        ("redis://", "host is missing"),
        ("redis://:pw@", "host is missing"),
        ("redis://a b", "contains a space"),
        ("redis://a\x1b[2J", "control character"),
        ("redis://a:x", "port is not a number"),
        ("redis://a:0", "port is not a number"),
        ("redis://a:65536", "port is not a number"),
        ("redis://a:1:2", "port is not a number"),
        ("redis://[::1", "host"),
        ("redis://a/x", "database is not a whole number"),
        ("redis://a/-1", "database is not a whole number"),
        ("redis://a/9999999999", "database is not a whole number"),
        ("redis://a/1?db=2", "path and its option db name two databases"),
        ("redis+cluster://a/1", "a cluster has no other"),
        ("redis://a/0#x", "a fragment after a #"),
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
def test_a_url_that_is_invalid_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_redis_url(url)
    assert "hunter2" not in str(caught.value)


CA = __file__
"""Any readable file: its content is only checked when a connection is opened."""


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("rediss://h?ssl_cert_reqs=CERT_NONE", {"ssl_cert_reqs": "none"}),
        ("rediss://h?ssl_cert_reqs=Required", {"ssl_cert_reqs": "required"}),
        ("rediss+sentinel://h/m?ssl_cert_reqs=cert_optional", {"ssl_cert_reqs": "optional"}),
        ("rediss+cluster://h?ssl_check_hostname=no", {"ssl_check_hostname": False}),
        (f"rediss://h?ssl_ca_certs={CA}", {"ssl_ca_certs": CA}),
        ("rediss://h?ssl_ca_path=%2Ftmp", {"ssl_ca_path": "/tmp"}),
        ("rediss://h?ssl_min_version=TLSv1.3", {"ssl_min_version": 772}),
        (
            "rediss://h?ssl_include_verify_flags=[VERIFY_X509_STRICT,VERIFY_CRL_CHECK_LEAF]",
            {"ssl_include_verify_flags": [32, 4]},
        ),
        ("redis://h?socket_keepalive=True", {"socket_keepalive": True}),
        ("redis+sentinel://h/m?sentinel_password=", {"sentinel_password": ""}),
        ("redis://h?max_connections=20&decode_responses=True&protocol=3&client_name=web", {}),
        ("unix:///s?socket_timeout=5&retry_on_timeout=1&encoding=utf-8", {}),
    ],
)
def test_options_are_read_by_kind_and_those_of_pools_have_no_effect(
    url: str, options: dict[str, object]
) -> None:
    assert parse_redis_url(url).options == options


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (
            "redis://h?max_connections=x",
            "its option max_connections is 'x'; it must be a whole number",
        ),
        (
            "redis://h?max_connections=0",
            "max_connections is '0'; it must be a whole number from 1 to",
        ),
        ("redis://h?socket_timeout=abc", "socket_timeout is 'abc'; it must be a number of seconds"),
        ("redis://h?socket_timeout=nan", "socket_timeout is 'nan'; it must be a number of seconds"),
        (
            "redis://h?socket_connect_timeout=0",
            "socket_connect_timeout is '0'; it must be a number",
        ),
        ("redis://h?socket_keepalive=maybe", "socket_keepalive is 'maybe'; it must be 1, 0, true"),
        ("redis://h?db=x", "its option db is 'x'; it must be a whole number from 0 to"),
        ("redis://h?protocol=4", "its option protocol is '4'; it must be 2 or 3"),
        ("redis://h?ssl_cert_reqs=none", "is for TLS: write rediss:// in place of redis://"),
        ("redis+sentinel://h/m?ssl_cert_reqs=none", "write rediss.sentinel:// in place of redis."),
        ("redis+cluster://h?ssl_ca_certs=/x", "write rediss.cluster:// in place of redis.cluster:"),
        ("unix:///s?ssl_cert_reqs=none", "its option ssl_cert_reqs is not for a unix socket"),
        ("unix:///s?socket_keepalive=1", "its option socket_keepalive is not for a unix socket"),
        ("redis://h?sentinel_password=hunter2", "sentinel_password is for redis.sentinel:// URLs"),
        (
            "rediss://h?ssl_cert_reqs=sometimes",
            "'sometimes'; it must be none, optional or required",
        ),
        ("rediss://h?ssl_cert_reqs=", "ssl_cert_reqs is ''; it must be none, optional or required"),
        ("rediss://h?ssl_ca_certs=/no/ca.pem", "is '/no/ca.pem'; it cannot be read: No such file"),
        (
            "rediss://h?ssl_ca_certs=/tmp",
            "ssl_ca_certs is '/tmp'; it cannot be read: Is a directory",
        ),
        ("rediss://h?ssl_ca_certs=a%00b", r"is 'a\\x00b'; it must be a file of certificates"),
        ("rediss://h?ssl_certfile=/no", "ssl_certfile is '/no'; it cannot be read: No such file"),
        ("rediss://h?ssl_ca_path=/no", "ssl_ca_path is '/no'; it cannot be read: No such file"),
        (f"rediss://h?ssl_keyfile={CA}", "ssl_keyfile requires ssl_certfile"),
        ("rediss://h?ssl_min_version=TLSv1", "is 'TLSv1'; it must be TLSv1.2 or TLSv1.3"),
        (
            "rediss://h?ssl_ca_data=hunter",
            "ssl_ca_data is 'hunter'; it must be certificates as PEM",
        ),
        (
            "rediss://h?ssl_password=hunter2%00",
            "ssl_password is set to a value that is not shown",
        ),
        (
            "redis://h?max_conections=20",
            r"max_conections is not one of its options \(db, .*\); did you mean max_connections\?",
        ),
        (
            "redis://h?family=6",
            r"family is not one of its options \(db, username, password, socket_con",
        ),
        ("redis://h?driver_info=x", "driver_info is not one of its options"),
        (
            "redis+sentinel://h/m?master=x",
            r"master is not one of its options \(.*sentinel_password",
        ),
        ("redis://h?db=1&db=2", "its option db is given twice"),
        ("redis+cluster://h?db=3", "its option db must be 0: a cluster has no other database"),
        ("redis://u:1?hunter2@h", "percent-encode / # . and @ in a password"),
        ("redis://h?hunter%202=x", "percent-encode / # . and @ in a password"),
    ],
)
def test_an_invalid_option_is_reported_with_its_value_and_what_is_allowed(
    url: str, line: str
) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        parse_redis_url(url)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in masked_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://me:hunter2@h:1/0", "redis://me:***@h:1/0"),
        ("redis://hunter2@h", "redis://***@h"),
        ("redis://hunter2:@h", "redis://***@h"),
        ("redis://me%3Ahunter2@h", "redis://***@h"),
        ("redis://me%3Ahunter2:x@h", "redis://***@h"),
        ("redis://:hunter2", "redis://:***"),
        ("redis://me:hunter2", "redis://me:***"),
        ("redis://h/hunter2", "redis://h/***"),
        ("redis://h/0#hunter2", "redis://h/0#***"),
        ("redis://h/0%3Fpassword%3Dhunter2", "redis://h/***"),
        ("redis://h?hunter2", "redis://h?***"),
        ("redis://h?passwd=hunter2", "redis://h?passwd=***"),
        ("redis://h?pass%77ord=hunter2", "redis://h?pass%77ord=***"),
        ("redis://h?db=0;passwd=hunter2", "redis://h?db=***"),
        ("redis://h?db=0%3Bpasswd%3dhunter2&db=1", "redis://h?db=***&db=1"),
        ("redis+sentinel://a,b:1/m/hunter2", "redis+sentinel://a,b:1/***"),
        ("redis+sentinel://a,b:hunter2:1/m/0", "redis+sentinel://a,b:***/m/0"),
        ("unix:///run/redis.sock;passwd=hunter2", "unix:///run/redis.sock;passwd=***"),
        ("unix:///run/redis.sock?passwd=hunter2", "unix:///run/redis.sock?passwd=***"),
        ("redis+sentinel://a,b:1/mymaster/3", "redis+sentinel://a,b:1/mymaster/3"),
        ("rediss+cluster://a,[::1]:7001/", "rediss+cluster://a,[::1]:7001/"),
        ("REDIS://LOCALHOST:6379/0?db=0", "REDIS://LOCALHOST:6379/0?db=0"),
        ("localhost:6379/0", "localhost:6379/0"),
        ("redis://:hunter2@h", "redis://:***@h"),
        ("redis://me:hun@ter2@h", "redis://me:***@h"),
        ("redis://:hun/ter2@h", "redis://:***@h"),
        ("redis://:hun?ter2@h", "redis://:***@h"),
        ("redis://:hun#ter2@h", "redis://:***@h"),
        ("unix:///run/a@b.sock?db=1", "unix:///run/a@b.sock?db=1"),
        ("unix://me:hunter2@/run/redis.sock", "unix://me:***@/run/redis.sock"),
        ("redis://h?password=hunter2&db=1", "redis://h?password=***&db=1"),
        ("redis://h?passwrd=hunter2&db=1", "redis://h?passwrd=***&db=1"),
        (
            "rediss://h?ssl_password=hunter2&ssl_cert_reqs=x",
            "rediss://h?ssl_password=***&ssl_cert_reqs=x",
        ),
        (
            "redis+sentinel://a/m?sentinel_password=hunter2",
            "redis+sentinel://a/m?sentinel_password=***",
        ),
        ("redis:hunter2@h", "***@h"),
        ("me:hunter2@h", "***@h"),
    ],
)
def test_a_shown_url_contains_no_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@given(
    scheme=st.sampled_from(["redis://", "rediss://", "redis+sentinel://", "unix://", ""]),
    username=st.from_regex(r"[a-z]{0,5}", fullmatch=True),
    before=st.text(max_size=5),
    after=st.text(max_size=5),
)
def test_no_password_is_shown(scheme: str, username: str, before: str, after: str) -> None:
    password = f"{before}hunter2{after}"
    assert "hunter2" not in masked_url(f"{scheme}{username}:{password}@localhost:6379/0")


TEMPLATES = [
    "redis://{0}:{1}@h:6379/0",
    "redis://{1}@h/1",
    "redis://{1}:@h",
    "redis://{0}%3A{1}@h",
    "redis://{0}:{1}",
    "redis://h:1?passwd={1}",
    "redis://h/{0}?{0}={1}",
    "redis://h?{1}",
    "redis://h#{1}",
    "redis://h/{1}",
    "unix://{1}@/run/r.sock",
    "unix:///run/r.sock?{1}",
    "redis+sentinel://{0}:{1}@a,b/m",
    "rediss://h?{0}={1}#{1}",
]


@given(
    template=st.sampled_from(TEMPLATES),
    name=st.sampled_from(["", "me", "user", "a.b"]),
    secret=st.text(st.characters(codec="utf-8"), max_size=6).map(
        lambda text: f"hunter2{quote(text, '')}"
    ),
)
def test_a_password_in_any_part_is_hidden(template: str, name: str, secret: str) -> None:
    assert "hunter2" not in masked_url(template.format(name, secret))
