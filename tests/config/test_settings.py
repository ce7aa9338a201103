import base64
import os
import re
import runpy
import secrets
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts import roles
from accounts.encryption.keys import encode_key, is_handmade, is_weak, key_id, new_key, parse_connection_name, short_id
from tests.servers import setting_names

# Fresh each time: a key that stands in a file is known to all, and production refuses it.
RANDOM = secrets.token_urlsafe(50)
KEYS = [new_key() for _key in range(4)]
PII_KEY, INDEX_KEY, AUDIT_KEY, OTHER_KEY = map(encode_key, KEYS)
WHOLE = {"SECRET_KEY": RANDOM, "PII_KEYS": PII_KEY, "INDEX_KEYS": INDEX_KEY}
PRODUCTION = {**WHOLE, "AUDIT_KEYS": AUDIT_KEY, "PUBLIC_URL": "https://book.example.com"}

VARIABLES = setting_names()


def read(**variables: str) -> dict[str, Any]:
    """The settings as a new process would have them, under these variables and no others of the product's."""
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with patch.dict(os.environ, {**others, "ENV_FILE": os.devnull, **variables}, clear=True):
        return runpy.run_path(str(settings.BASE_DIR / "config" / "settings.py"))


def refusal(**variables: str) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(**variables)
    return str(refused.value)


@pytest.mark.parametrize("name", WHOLE)
def test_settings_name_the_key_that_is_missing(name: str) -> None:
    assert refusal(**{**WHOLE, name: ""}).startswith(f"{name} is not set. script/server writes")


@pytest.mark.parametrize("name", ["PII_KEYS", "INDEX_KEYS"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("no base64!", "is not Base64."),
        ("schlüssel", "is not Base64."),
        (base64.b64encode(bytes(range(31))).decode(), "has a weak key."),
        (base64.b64encode(bytes(32)).decode(), "has a weak key."),
        (f"{encode_key(bytes(range(32)))},{encode_key(b'short')}", "has a weak key."),
    ],
)
def test_settings_refuse_a_ring_that_is_not_of_random_keys(name: str, value: str, sentence: str) -> None:
    assert refusal(**{**WHOLE, name: value}).startswith(f"{name} {sentence}")


def test_settings_take_three_words_for_the_binding_to_rows() -> None:
    assert read(**WHOLE)["PII_ROW_BINDING"] == "on"
    for word in ("off", "on", "required"):
        assert read(**WHOLE, PII_ROW_BINDING=word)["PII_ROW_BINDING"] == word
    assert refusal(**WHOLE, PII_ROW_BINDING="yes") == "PII_ROW_BINDING is off, on or required."


def test_settings_refuse_checkpoints_without_a_pause() -> None:
    assert refusal(**WHOLE, AUDIT_CHECKPOINT_SECONDS="0") == "AUDIT_CHECKPOINT_SECONDS is at least 1."
    assert read(**WHOLE)["AUDIT_CHECKPOINT_SECONDS"] == 300


def test_settings_read_a_ring_in_its_order() -> None:
    ring = read(**{**WHOLE, "PII_KEYS": f"{PII_KEY}, {OTHER_KEY}"})["PII_KEYS"]

    assert ring == [KEYS[0], KEYS[3]]


def test_settings_refuse_one_key_for_both_rings() -> None:
    assert refusal(**{**WHOLE, "INDEX_KEYS": PII_KEY}).startswith("PII_KEYS, INDEX_KEYS and AUDIT_KEYS share a key.")


def test_settings_seal_the_trail_under_a_key_of_its_own_in_production() -> None:
    assert refusal(**{**PRODUCTION, "AUDIT_KEYS": ""}).startswith("AUDIT_KEYS is not set.")
    assert read(**PRODUCTION)["AUDIT_KEYS"] == [KEYS[2]]
    assert len(read(**WHOLE)["AUDIT_KEYS"][0]) == 32


@pytest.mark.parametrize("name", ["PII_KEYS", "INDEX_KEYS", "AUDIT_KEYS"])
@pytest.mark.parametrize(
    "sample",
    [bytes(range(7, 39)), b"a passphrase, not a random key!!", KEYS[3][:16] * 2],
    ids=["steps", "text", "halves"],
)
def test_settings_refuse_a_sample_key_in_production(name: str, sample: bytes) -> None:
    sentence = f"{name} has a sample or demo key, which is public. Generate your own, as .env.example shows."

    assert refusal(**{**PRODUCTION, name: encode_key(sample)}) == sentence
    assert refusal(**{**PRODUCTION, name: f"{OTHER_KEY},{encode_key(sample)}"}) == sentence


def test_settings_refuse_keys_that_are_almost_the_same_in_production() -> None:
    changed = KEYS[0][:31] + bytes([KEYS[0][31] ^ 1])

    assert refusal(**{**PRODUCTION, "INDEX_KEYS": encode_key(changed)}).startswith("Two keys of PII_KEYS,")


def test_settings_refuse_one_secret_for_sessions_and_tokens_in_production() -> None:
    assert refusal(**PRODUCTION, JWT_KEY=RANDOM).startswith("JWT_KEY and SECRET_KEY are the same.")


@pytest.mark.parametrize("name", ["SECRET_KEY", "PII_KEYS", "INDEX_KEYS", "AUDIT_KEYS"])
def test_settings_refuse_the_keys_of_the_tests_in_production(name: str) -> None:
    assert refusal(**{**PRODUCTION, name: os.environ[name]}).startswith(f"{name} ")


def published() -> list[Path]:
    """Every file of the project that somebody may copy a key from."""
    folders = ("accounts", "bookings", "config", "core", "docs", "script", "static", "stations", "templates", "tests")
    found = [path for folder in folders for path in (settings.BASE_DIR / folder).rglob("*.*")]
    beside = [*settings.BASE_DIR.glob("*.md"), settings.BASE_DIR / ".env.example"]
    return [
        path for path in (*found, *beside) if path.is_file() and not {"node_modules", "__pycache__"} & {*path.parts}
    ]


def test_no_file_holds_a_key_that_production_would_take() -> None:
    texts = (path.read_text(errors="ignore") for path in published())
    look_like_keys = {found for text in texts for found in re.findall(r"(?<![\w+/])[\w+/]{43}=(?!=)", text, re.ASCII)}

    taken = [key for key in map(base64.b64decode, look_like_keys) if not is_weak(key) and not is_handmade(key)]
    assert taken == []


def test_settings_read_secrets_from_files(tmp_path: Path) -> None:
    names = {**PRODUCTION, "JWT_KEY": secrets.token_urlsafe(50), "DATABASE_URL": "sqlite:////tmp/secret.sqlite3"}
    del names["PUBLIC_URL"]
    for name, text in names.items():
        (tmp_path / name).write_text(f"{text}\n")

    found = read(**{f"{name}_FILE": str(tmp_path / name) for name in names}, PUBLIC_URL=PRODUCTION["PUBLIC_URL"])

    assert (found["SECRET_KEY"], found["JWT_KEY"]) == (RANDOM, names["JWT_KEY"])
    assert (found["PII_KEYS"], found["INDEX_KEYS"], found["AUDIT_KEYS"]) == tuple([key] for key in KEYS[:3])
    assert found["DATABASES"]["default"]["NAME"] == "/tmp/secret.sqlite3"


def test_settings_read_the_mail_server_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("smtp+tls://me:$ecret@mail.example.com:587")

    server = read(**WHOLE, EMAIL_URL_FILE=str(tmp_path / "url"))["MAIL_SERVER"]

    assert (server["EMAIL_HOST"], server["EMAIL_HOST_PASSWORD"]) == ("mail.example.com", "$ecret")


def test_settings_read_a_ring_from_a_file_with_a_key_a_line(tmp_path: Path) -> None:
    (tmp_path / "ring").write_text(f"{OTHER_KEY}\n{PII_KEY}\n")

    assert read(**{**WHOLE, "PII_KEYS": ""}, PII_KEYS_FILE=str(tmp_path / "ring"))["PII_KEYS"] == [KEYS[3], KEYS[0]]


def test_settings_refuse_a_secret_that_is_given_twice(tmp_path: Path) -> None:
    (tmp_path / "ring").write_text(PII_KEY)

    sentence = refusal(**WHOLE, PII_KEYS_FILE=str(tmp_path / "ring"))

    assert sentence == "PII_KEYS and PII_KEYS_FILE are both set. Keep one of them."


def test_settings_refuse_a_file_of_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    nowhere, empty, bytes_ = tmp_path / "nowhere", tmp_path / "empty", tmp_path / "bytes"
    empty.write_text("\n")
    bytes_.write_bytes(b"\xff\xfe")

    def said(path: Path) -> str:
        return refusal(**{**WHOLE, "PII_KEYS": ""}, PII_KEYS_FILE=str(path))

    assert said(nowhere).startswith(f"PII_KEYS_FILE is {nowhere}, which cannot be read.")
    assert said(bytes_).startswith(f"PII_KEYS_FILE is {bytes_}, which cannot be read.")
    assert said(empty) == f"PII_KEYS_FILE is {empty}, which is empty. Put the secret there."


def test_settings_tell_postgresql_which_keys_a_process_holds() -> None:
    variables = {**WHOLE, "PII_KEYS": f"{PII_KEY},{OTHER_KEY}"}
    database = read(**variables, DATABASE_URL="postgres://me@db.example.com/book")["DATABASES"]["default"]

    pii, index, _audit, other = (short_id(key_id(key)) for key in KEYS)
    assert parse_connection_name(database["OPTIONS"]["application_name"]) == {"data": [pii, other], "index": [index]}


def test_settings_leave_a_name_that_the_operator_gives_to_connections() -> None:
    database = read(**WHOLE, DATABASE_URL="postgres://me@db.example.com/book?application_name=mine")["DATABASES"][
        "default"
    ]

    assert database["OPTIONS"]["application_name"] == "mine"


def test_settings_without_a_public_address_are_for_plain_http() -> None:
    found = read(**WHOLE)

    assert {name for name in found if name.startswith(("SECURE_HSTS", "SECURE_SSL", "SECURE_PROXY"))} == set()
    assert {name for name in found if name.endswith("COOKIE_SECURE")} == set()
    assert found["DEBUG"] is False
    assert found["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]", "127.0.0.1"]
    assert found["CSRF_TRUSTED_ORIGINS"] == []


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", ("mail.example.com", None, None, None, None)),
        ("smtp://[::1]:2525/", ("::1", 2525, None, None, None)),
        ("smtp+tls://mail.example.com:587", ("mail.example.com", 587, None, None, "TLS")),
        ("SMTP+SSL://mail.example.com", ("mail.example.com", None, None, None, "SSL")),
        ("smtps://mail.example.com:465", ("mail.example.com", 465, None, None, "SSL")),
        (
            "smtp+tls://book%40example.com:p%40ss%2Fw%23rd+1@mail.example.com",
            ("mail.example.com", None, "book@example.com", "p@ss/w#rd+1", "TLS"),
        ),
    ],
)
def test_settings_read_a_mail_server(url: str, server: tuple[Any, ...]) -> None:
    found = read(**WHOLE, EMAIL_URL=url)["MAIL_SERVER"]

    tls = next((way for way in ("TLS", "SSL") if found.get(f"EMAIL_USE_{way}")), None)
    named = (found[f"EMAIL_{name}"] for name in ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD"))
    assert (*named, tls) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "https://mail.example.com",
        "consolemail://",
        "smtp://",
        "smtp://:25",
        "smtp://mail.example.com:smtp",
        "smtp://mail.example.com:99999",
        "smtp+tls://book:p#ss@mail.example.com",
        "smtp+tls://book:p/ss@mail.example.com",
        "smtp://mail.example.com/inbox",
        "smtp://mail.example.com?timeout=3",
    ],
)
def test_settings_refuse_what_is_no_mail_server(url: str) -> None:
    said = refusal(**WHOLE, EMAIL_URL=url)

    assert said.startswith(
        "EMAIL_URL is not the URL of a mail server. Write it like smtp+tls://user:password@mail.example.com:587"
    )
    assert "p#ss" not in said


def test_settings_without_a_mail_server_have_none() -> None:
    found = read(**WHOLE)

    assert (found["MAIL_SERVER"], found["MAIL_FROM"]) == ({}, "stationbook@localhost")


@pytest.mark.parametrize(
    "variables",
    [
        {"MAIL_FROM": "Kitchen <kitchen@example.com>"},
        {"MAIL_FROM": "kitchen"},
        {"MAIL_FROM": "a@example.com, b@example.com"},
        {"PUBLIC_URL": "http://[::1]:8000", "EMAIL_URL": "smtp://mail.example.com"},
    ],
)
def test_settings_refuse_a_sender_that_is_no_address(variables: dict[str, str]) -> None:
    """Every mail would fail for it."""
    assert refusal(**WHOLE, **variables) == (
        "MAIL_FROM is not an email address. Write it like book@example.com, without a name."
    )


def test_settings_send_from_the_public_address_s_host_unless_told_otherwise() -> None:
    senders = [
        read(**PRODUCTION, EMAIL_URL="smtp://mail.example.com", **given)["MAIL_FROM"]
        for given in ({}, {"MAIL_FROM": "tische@münchen.example"})
    ]

    assert senders == ["stationbook@book.example.com", "tische@münchen.example"]


def test_settings_limit_emails_unless_told_otherwise() -> None:
    names = ("MAIL_DAILY_LIMIT_PER_RECIPIENT", "MAIL_HOURLY_LIMIT_PER_STATION")
    unsaid, said = read(**WHOLE), read(**WHOLE, **dict.fromkeys(names, "7"))

    assert [[found[name] for name in names] for found in (unsaid, said)] == [[20, 500], [7, 7]]


@pytest.mark.parametrize("name", ["MAIL_DAILY_LIMIT_PER_RECIPIENT", "MAIL_HOURLY_LIMIT_PER_STATION"])
def test_settings_refuse_a_limit_under_which_no_email_goes(name: str) -> None:
    assert refusal(**WHOLE, **{name: "0"}) == (
        "MAIL_DAILY_LIMIT_PER_RECIPIENT and MAIL_HOURLY_LIMIT_PER_STATION are at least 1."
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAIL_CONNECTIONS", "0", "MAIL_CONNECTIONS is from 1 to 50."),
        ("MAIL_CONNECTIONS", "51", "MAIL_CONNECTIONS is from 1 to 50."),
        ("CALENDAR_CACHE_MB", "-1", "CALENDAR_CACHE_MB is 0 or more."),
    ],
)
def test_settings_refuse_numbers_out_of_range(name: str, value: str, sentence: str) -> None:
    assert refusal(**WHOLE, **{name: value}) == sentence


def test_settings_of_a_plain_public_address_are_for_plain_http() -> None:
    found = read(**WHOLE, PUBLIC_URL="http://192.0.2.7:8000")

    assert found["PRODUCTION"] is False
    assert found["ALLOWED_HOSTS"] == ["192.0.2.7"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["http://192.0.2.7:8000"]


def test_settings_of_production_let_cookies_travel_by_https_alone() -> None:
    found = read(**PRODUCTION)

    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is found["SECURE_SSL_REDIRECT"] is True
    assert cookie_names(found) == [
        "__Host-stationbook_session",
        "__Host-stationbook_csrf",
        "__Host-stationbook_language",
    ]
    assert found["SECURE_HSTS_SECONDS"] == 31_536_000
    assert found["ALLOWED_HOSTS"] == ["book.example.com"]


@pytest.mark.parametrize(
    ("variables", "subdomains", "preload"),
    [
        ({}, False, False),
        ({"HSTS_INCLUDE_SUBDOMAINS": "1"}, True, False),
        ({"HSTS_INCLUDE_SUBDOMAINS": "1", "HSTS_PRELOAD": "1"}, True, True),
    ],
)
def test_settings_speak_for_other_hosts_of_the_domain_only_when_asked(
    variables: dict[str, str], subdomains: bool, preload: bool
) -> None:
    found = read(**PRODUCTION, **variables)

    assert (found["SECURE_HSTS_INCLUDE_SUBDOMAINS"], found["SECURE_HSTS_PRELOAD"]) == (subdomains, preload)


def test_settings_refuse_preloading_without_subdomains() -> None:
    assert refusal(**PRODUCTION, HSTS_PRELOAD="1").startswith("Browsers preload only with subdomains.")


def cookie_names(found: dict[str, Any]) -> list[str]:
    return [found[f"{kind}_COOKIE_NAME"] for kind in ("SESSION", "CSRF", "LANGUAGE")]


@pytest.mark.parametrize(
    ("variables", "suffix"),
    [
        ({}, ""),
        ({"PORT": "8000"}, ""),
        ({"PORT": "8001"}, "_8001"),
        ({"PORT": "8001", "PUBLIC_URL": "http://192.0.2.7:9000"}, "_9000"),
        ({"PORT": "8001", "PUBLIC_URL": "http://book.example.com"}, ""),
    ],
)
def test_local_products_on_other_ports_have_cookies_of_their_own(variables: dict[str, str], suffix: str) -> None:
    assert cookie_names(read(**WHOLE, **variables)) == [
        f"stationbook_{name}{suffix}" for name in ("session", "csrf", "language")
    ]


@pytest.mark.parametrize("variables", [{"PORT": "https"}, {"PUBLIC_URL": "http://book.example.com:80a"}])
def test_settings_refuse_a_port_that_is_no_number(variables: dict[str, str]) -> None:
    assert refusal(**WHOLE, **variables).endswith("is not a number. Write one such as 8000.")


def test_settings_take_the_public_address_as_people_write_it() -> None:
    found = read(**{**WHOLE, "AUDIT_KEYS": AUDIT_KEY}, PUBLIC_URL="HTTPS://Book.Example.com:8443/")

    assert found["PRODUCTION"] is True
    assert found["ALLOWED_HOSTS"] == ["book.example.com"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://book.example.com:8443"]


@pytest.mark.parametrize("address", ["book.example.com", "ftp://book.example.com", "https://", "https://a.example/b"])
def test_settings_refuse_a_public_address_that_is_none(address: str) -> None:
    assert refusal(**WHOLE, PUBLIC_URL=address).startswith("PUBLIC_URL is not a URL.")


def test_settings_say_how_long_a_session_lasts() -> None:
    found, given = read(**WHOLE), read(**WHOLE, SESSION_HOURS="9", SESSION_IDLE_MINUTES="15")

    assert (found["SESSION_COOKIE_AGE"], found["SESSION_IDLE_SECONDS"]) == (12 * 3600, 4 * 3600)
    assert (given["SESSION_COOKIE_AGE"], given["SESSION_IDLE_SECONDS"]) == (9 * 3600, 15 * 60)
    assert refusal(**WHOLE, SESSION_IDLE_MINUTES="0").startswith("SESSION_IDLE_MINUTES is at least 1")
    assert refusal(**WHOLE, SESSION_HOURS="1", SESSION_IDLE_MINUTES="61").startswith(
        "SESSION_IDLE_MINUTES is at least 1"
    )


def test_settings_demand_a_second_factor_of_managers_in_production() -> None:
    assert read(**WHOLE)["SECOND_FACTOR_GROUPS"] == []
    assert read(**PRODUCTION)["SECOND_FACTOR_GROUPS"] == [roles.MANAGERS]
    assert read(**PRODUCTION, SECOND_FACTOR_GROUPS="")["SECOND_FACTOR_GROUPS"] == []
    assert read(**WHOLE, SECOND_FACTOR_GROUPS="Viewers,Extra")["SECOND_FACTOR_GROUPS"] == ["Viewers", "Extra"]


def test_settings_refuse_debug_in_production() -> None:
    assert refusal(**PRODUCTION, DEBUG="1").startswith("DEBUG shows settings and code to visitors.")


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_KEY"])
@pytest.mark.parametrize("weak", ["short", "changeme" * 10, "django-insecure-" + "k3Jx9vQp7Lw2Zt5Rb8" * 3])
def test_settings_refuse_a_weak_secret_in_production(name: str, weak: str) -> None:
    assert refusal(**{**PRODUCTION, name: weak}).startswith(f"{name} is too weak for production.")


def test_settings_sign_tokens_under_a_key_of_their_own() -> None:
    derived, given = read(**WHOLE), read(**WHOLE, JWT_KEY="of its own")

    assert derived["SIMPLE_JWT"]["SIGNING_KEY"] not in ("", RANDOM)
    assert given["SIMPLE_JWT"]["SIGNING_KEY"] == "of its own"


def test_settings_answer_to_further_hosts_only_where_they_are_named() -> None:
    found = read(**PRODUCTION, ALLOWED_HOSTS="10.0.0.7,inner.example.com")

    assert found["ALLOWED_HOSTS"] == ["book.example.com", "10.0.0.7", "inner.example.com"]


def test_settings_believe_a_proxy_only_where_one_is_named() -> None:
    assert "SECURE_PROXY_SSL_HEADER" not in read(**PRODUCTION)
    assert "SECURE_PROXY_SSL_HEADER" not in read(**PRODUCTION, TRUSTED_PROXIES="0")
    assert read(**PRODUCTION, TRUSTED_PROXIES="2")["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize(
    ("given", "proxies"),
    [
        ({}, 0),
        ({"TRUSTED_PROXY": "1"}, 1),
        ({"TRUSTED_PROXY": "0"}, 0),
        ({"TRUSTED_PROXIES": "2"}, 2),
        ({"TRUSTED_PROXIES": "2", "TRUSTED_PROXY": "1"}, 2),
        ({"TRUSTED_PROXIES": "0", "TRUSTED_PROXY": "1"}, 0),
    ],
)
def test_settings_count_proxies_and_know_the_older_name(given: dict[str, str], proxies: int) -> None:
    found = read(**WHOLE, **given)

    assert found["TRUSTED_PROXIES"] == proxies
    assert ("SECURE_PROXY_SSL_HEADER" in found) == (proxies > 0)


@pytest.mark.parametrize("number", ["-1", "yes", "1.5", "²", "10.0.0.1"])
def test_settings_refuse_a_number_of_proxies_that_is_none(number: str) -> None:
    assert "TRUSTED_PROXIES is the number" in refusal(**WHOLE, TRUSTED_PROXIES=number)


def test_settings_let_writers_of_sqlite_queue() -> None:
    database = read(**WHOLE)["DATABASES"]["default"]

    assert database["NAME"] == str(settings.BASE_DIR / "var" / "stationbook.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_settings_keep_data_where_they_are_told_to(tmp_path: Path) -> None:
    found = read(**WHOLE, DATA_DIR=str(tmp_path / "data"))

    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "data" / "stationbook.sqlite3")
    assert found["STATIC_ROOT"] == settings.BASE_DIR / "var" / "static"
    assert (tmp_path / "data").is_dir()


def test_settings_begin_at_the_checkout_with_a_folder_that_is_not_absolute() -> None:
    assert read(**WHOLE, DATA_DIR="var")["DATA_DIR"] == settings.BASE_DIR / "var"


@pytest.mark.parametrize("name", ["/nowhere/stationbook", __file__])
def test_settings_refuse_a_folder_that_cannot_be_made(name: str) -> None:
    assert refusal(**WHOLE, DATA_DIR=name) == (
        f"DATA_DIR is {name}, which is not a folder and cannot be created. Create it, writable for the server's user."
    )


def test_settings_keep_connections_to_postgresql_open() -> None:
    database = read(**WHOLE, DATABASE_URL="postgres://me:secret@db.example.com:5433/book")["DATABASES"]["default"]

    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.com", 5433, "book")
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (600, True)


def test_settings_refuse_another_database() -> None:
    assert refusal(**WHOLE, DATABASE_URL="mysql://me@localhost/book").startswith("DATABASE_URL is neither")


def test_settings_read_the_file_and_the_environment_goes_before(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(
        f"SECRET_KEY={RANDOM}\nPII_KEYS={PII_KEY}\nINDEX_KEYS={INDEX_KEY}\nRATE_LIMIT=7/minute\nLOG_LEVEL=ERROR\n"
    )

    found = read(ENV_FILE=str(file), RATE_LIMIT="9/minute")

    assert (found["SECRET_KEY"], found["RATE_LIMIT"]) == (RANDOM, "9/minute")
    assert found["LOGGING"]["root"]["level"] == "ERROR"


def test_settings_without_debug_serve_files_under_hashed_names() -> None:
    def storage(**variables: str) -> str:
        name: str = read(**WHOLE, **variables)["STORAGES"]["staticfiles"]["BACKEND"]
        return name.rpartition(".")[2]

    assert storage() == "MinifiedStaticFilesStorage"
    assert storage(DEBUG="1") == "StaticFilesStorage"


def test_settings_refuse_what_nobody_could_watch_with() -> None:
    assert refusal(**WHOLE, METRICS_TOKEN="short").startswith("METRICS_TOKEN is too short.")
    assert refusal(**WHOLE, SENTRY_SAMPLE="10").startswith("SENTRY_SAMPLE is a fraction")


def test_settings_watch_by_what_is_wanted() -> None:
    found, wanted = read(**WHOLE), read(**WHOLE, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    assert "config.observability.tracing.trace_requests" not in found["MIDDLEWARE"]
    assert wanted["MIDDLEWARE"][:3] == [
        "config.middleware.request_id",
        "config.observability.request_log.log_requests",
        "config.observability.tracing.trace_requests",
    ]


POSTGRES = {**WHOLE, "DATABASE_URL": "postgres://me:secret@db.example.com:5432/book"}
REPLICA = {**POSTGRES, "REPLICA_URL": "postgres://reader:other@replica.example.com:5433/book"}


def test_settings_keep_to_what_a_pooler_can_hold() -> None:
    pooled = read(**POSTGRES, DATABASE_POOLER="1")["DATABASES"]["default"]
    plain = read(**POSTGRES)["DATABASES"]["default"]

    assert (pooled["DISABLE_SERVER_SIDE_CURSORS"], "DISABLE_SERVER_SIDE_CURSORS" in plain) == (True, False)
    assert [one["OPTIONS"]["prepare_threshold"] for one in (pooled, plain)] == [None, 5]
    assert ["pooled" in parse_connection_name(one["OPTIONS"]["application_name"]) for one in (pooled, plain)] == [
        True,
        False,
    ]


def test_name_of_a_pooled_connection_is_not_cut_off() -> None:
    rings = {"PII_KEYS": f"{PII_KEY},{OTHER_KEY}", "INDEX_KEYS": f"{INDEX_KEY},{encode_key(new_key())}"}
    name = read(**POSTGRES | rings, DATABASE_POOLER="1")["DATABASES"]["default"]["OPTIONS"]["application_name"]

    assert parse_connection_name(name)["data"] == [short_id(key_id(KEYS[0])), short_id(key_id(KEYS[3]))]


def test_replica_is_another_server_for_reads_and_waits_for_nobody() -> None:
    found = read(**REPLICA)
    replica, primary = found["DATABASES"]["replica"], found["DATABASES"]["default"]

    assert (replica["HOST"], replica["PORT"], replica["USER"]) == ("replica.example.com", 5433, "reader")
    assert primary["HOST"] == "db.example.com"
    assert replica["OPTIONS"]["connect_timeout"] == 2
    assert "connect_timeout" not in primary["OPTIONS"]
    assert found["DATABASE_ROUTERS"] == ["bookings.calendar.replica.Router"]


def test_without_a_replica_nothing_is_routed() -> None:
    assert "DATABASE_ROUTERS" not in read(**POSTGRES)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({**WHOLE, "REPLICA_URL": REPLICA["REPLICA_URL"]}, "REPLICA_URL is set, but DATABASE_URL is not PostgreSQL"),
        ({**POSTGRES, "REPLICA_URL": "sqlite:///copy.sqlite3"}, "REPLICA_URL is not PostgreSQL."),
    ],
)
def test_settings_refuse_a_replica_of_something_else(variables: dict[str, str], sentence: str) -> None:
    assert refusal(**variables).startswith(sentence)
