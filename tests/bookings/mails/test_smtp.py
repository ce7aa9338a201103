"""What each answer of a mail server means, at each step, and what a line that breaks there means."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config.environment import env
from core.mail import smtp
from core.mail.smtp import Envelope, Outcome, SmtpTransport
from tests.bookings.mails.scripted_smtp_server import DROP, STALL, ScriptedServer, scripted_server
from tests.bookings.mails.smtp_server import ScriptedSmtpServer

ENVELOPE: Final = Envelope(b"Subject: x\r\n\r\n.\r\n..dots\r\n", "kitchen@example.com", "ana@example.com")

Serve = Callable[..., tuple[SmtpTransport, ScriptedServer]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(STEP=[answers])` starts a scripted server and returns a transport to it, and the server.

    Steps are named as in `scripted_smtp_server`, the greeting `GREETING`, and the end of the message `END`.
    """
    with ExitStack() as open_:

        def serve_(**script: list[str]) -> tuple[SmtpTransport, ScriptedServer]:
            steps = {{"END": ".", "GREETING": "greeting"}.get(step, step): answers for step, answers in script.items()}
            server = open_.enter_context(scripted_server(steps))
            return open_.enter_context(SmtpTransport(env.email_url_config(server.url))), server

        yield serve_


@pytest.mark.parametrize(
    ("step", "answer", "outcome"),
    [
        ("GREETING", "421 Busy", Outcome.UNAVAILABLE),
        ("GREETING", "554 No service", Outcome.UNAVAILABLE),
        ("GREETING", DROP, Outcome.UNAVAILABLE),
        ("GREETING", STALL, Outcome.UNAVAILABLE),
        ("EHLO", DROP, Outcome.UNAVAILABLE),
        ("EHLO", "500 What?", Outcome.SENT),
        ("MAIL", "250 OK", Outcome.SENT),
        ("MAIL", "251 Very well", Outcome.SENT),
        ("MAIL", "451 Try again", Outcome.DEFERRED),
        ("MAIL", "421 Closing", Outcome.DEFERRED),
        ("MAIL", "What?", Outcome.DEFERRED),
        ("MAIL", DROP, Outcome.DEFERRED),
        ("MAIL", STALL, Outcome.DEFERRED),
        ("MAIL", "550 5.1.8 Bad sender", Outcome.REFUSED),
        ("MAIL", "530 5.7.0 Authentication required", Outcome.UNAVAILABLE),
        ("RCPT", "251 Will forward", Outcome.SENT),
        ("RCPT", "450 4.2.0 Greylisted", Outcome.DEFERRED),
        ("RCPT", "421 Closing", Outcome.DEFERRED),
        ("RCPT", DROP, Outcome.DEFERRED),
        ("RCPT", STALL, Outcome.DEFERRED),
        ("RCPT", "550 No such user", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "551 Not here", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "553 No such name", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "550-5.1.1 Nobody\r\n550 5.1.1 of that name", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "550 5.2.1 Disabled", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "556 5.1.10 Takes no mail", Outcome.NO_SUCH_ADDRESS),
        ("RCPT", "550 5.7.1 Relaying denied", Outcome.REFUSED),
        ("RCPT", "550 5.1.8 Bad sender", Outcome.REFUSED),
        ("RCPT", "554 5.7.1 Client host blocked", Outcome.REFUSED),
        ("RCPT", "552 5.2.2 Mailbox full", Outcome.REFUSED),
        ("RCPT", "554 Refused", Outcome.REFUSED),
        ("RCPT", "530 5.7.0 Authentication required", Outcome.UNAVAILABLE),
        ("DATA", "451 Not now", Outcome.DEFERRED),
        ("DATA", "554 No", Outcome.REFUSED),
        ("DATA", "250 What?", Outcome.DEFERRED),
        ("DATA", DROP, Outcome.DEFERRED),
        ("DATA", STALL, Outcome.DEFERRED),
        ("END", "250 Queued", Outcome.SENT),
        ("END", "252 Queued", Outcome.SENT),
        ("END", "451 Disk", Outcome.DEFERRED),
        ("END", "421 Closing", Outcome.DEFERRED),
        ("END", "554 Spam", Outcome.REFUSED),
        ("END", "550 5.1.1 Nobody", Outcome.REFUSED),
        ("END", "What?", Outcome.UNKNOWN),
        ("END", "354 Go on", Outcome.UNKNOWN),
        ("END", DROP, Outcome.UNKNOWN),
        ("END", STALL, Outcome.UNKNOWN),
    ],
)
def test_answer_means_what_its_step_makes_of_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, step: str, answer: str, outcome: Outcome
) -> None:
    if answer == STALL:
        monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)
        monkeypatch.setattr(smtp, "FINAL_TIMEOUT_SECONDS", 0.5)
    transport, server = serve(**{step: [answer]})

    assert transport.send(ENVELOPE) is outcome
    assert len(server.messages) == (outcome in (Outcome.SENT, Outcome.UNKNOWN) or step == "END")


def test_letter_arrives_as_it_was_written(mail_server: ScriptedSmtpServer) -> None:
    with SmtpTransport(env.email_url_config(mail_server.url)) as transport:
        transport.send(ENVELOPE)

    [found] = mail_server.received
    assert (found.octets, found.sender, found.recipients) == (ENVELOPE.message, ENVELOPE.sender, (ENVELOPE.recipient,))


def test_nobody_at_an_address_stays_the_answer_though_the_line_breaks_then(serve: Serve) -> None:
    transport, _server = serve(RCPT=["550 5.1.1 Nobody"], RSET=[DROP])

    assert transport.send(ENVELOPE) is Outcome.NO_SUCH_ADDRESS


def test_letters_follow_each_other_on_one_line(serve: Serve) -> None:
    transport, server = serve(RCPT=["250 OK", "550 5.1.1 Nobody", "250 OK"])

    outcomes = [transport.send(ENVELOPE) for _ in range(3)]

    assert (outcomes, server.connections) == ([Outcome.SENT, Outcome.NO_SUCH_ADDRESS, Outcome.SENT], 1)


@pytest.mark.parametrize("answer", [DROP, "421 Too many messages on this line"])
def test_line_that_the_server_ends_between_letters_is_opened_again(serve: Serve, answer: str) -> None:
    transport, server = serve(MAIL=["250 OK", answer, "250 OK"])

    outcomes = [transport.send(ENVELOPE) for _ in range(2)]

    assert (outcomes, server.connections) == ([Outcome.SENT, Outcome.SENT], 2)


def test_last_answer_is_waited_for_longer_than_the_others(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message taken after a long look at it must not be sent again."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 1.5)
    slow_to_take, _server = serve(END=["2.0 250 OK"])
    slow_to_listen, server = serve(MAIL=["2.0 250 OK"])

    assert (slow_to_take.send(ENVELOPE), slow_to_listen.send(ENVELOPE)) == (Outcome.SENT, Outcome.DEFERRED)
    assert server.messages == []


def test_letter_that_may_not_leave_any_more_reaches_nobody(serve: Serve) -> None:
    transport, server = serve()

    assert transport.send(ENVELOPE, lambda: False) is Outcome.DEFERRED

    assert (server.messages, server.commands[-2:]) == ([], ["rcpt TO:<ana@example.com>", "quit"])


def test_line_is_closed_where_it_cannot_be_known_whether_the_letter_may_leave(serve: Serve) -> None:
    def may_send() -> bool:
        raise ZeroDivisionError

    transport, server = serve()
    with pytest.raises(ZeroDivisionError):
        transport.send(ENVELOPE, may_send)

    assert (transport.send(ENVELOPE), server.connections, len(server.messages)) == (Outcome.SENT, 2, 1)


@pytest.mark.parametrize(
    "url",
    ["smtp://127.0.0.1:1", "smtp://mail..example:25", f"smtp://{'m' * 64}.example:25", "smtp://nowhere.invalid:25"],
)
def test_server_that_is_none_is_away(url: str) -> None:
    with SmtpTransport(env.email_url_config(url)) as transport:
        assert transport.send(ENVELOPE) is Outcome.UNAVAILABLE


def test_logs_name_the_number_and_never_the_words(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for answers in (
        {"GREETING": ["554 ana@example.com"]},
        {"MAIL": ["550 ana@example.com"]},
        {"RCPT": ["550 5.1.1 <ana@example.com>: nobody"]},
        {"DATA": ["451 ana@example.com"]},
        {"END": ["554 ana@example.com"]},
    ):
        serve(**answers)[0].send(ENVELOPE)

    assert [record.getMessage() for record in caplog.records if record.name == "core.mail.smtp"] == [
        "The mail server cannot be used: SMTPConnectError 554.",
        "The mail server answered 550 to MAIL.",
        "The mail server answered 550 to RCPT.",
        "The mail server answered 451 to DATA.",
        "The mail server answered 554 to the message.",
    ]
    assert "ana@" not in caplog.text


class Guarded:
    """A server that wants TLS, and a name and password over it."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = folder / "certificate.pem", folder / "key.pem"
        _write_certificate(self.certificate, key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.mail_server = ScriptedSmtpServer()

    def open(self, *, implicit: bool) -> Controller:
        tls: dict[str, Any] = {"ssl_context": self.context} if implicit else {"tls_context": self.context}
        return Controller(
            self.mail_server,
            hostname="127.0.0.1",
            port=self.mail_server.port,
            authenticator=_knows,
            auth_required=not implicit,
            auth_require_tls=not implicit,  # aiosmtpd counts no TLS but STARTTLS
            require_starttls=not implicit,
            **tls,
        )


def _knows(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(handled=False, success=(data.login, data.password) == (b"kitchen@example.com", b"p@ss+/word"))


def _write_certificate(certificate: Path, key: Path) -> None:
    made, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=mail.example")
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, made.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(made, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp+tls", False), ("smtp+ssl", True)])
@pytest.mark.parametrize(
    ("password", "trusted", "outcome"),
    [
        ("p%40ss+%2Fword", True, Outcome.SENT),
        ("wrong", True, Outcome.UNAVAILABLE),
        ("p%40ss+%2Fword", False, Outcome.UNAVAILABLE),
    ],
)
def test_server_over_tls_is_spoken_to_only_if_it_is_trusted_and_knows_us(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    implicit: bool,
    password: str,
    trusted: bool,
    outcome: Outcome,
) -> None:
    guarded = Guarded(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))
    url = f"{scheme}://kitchen%40example.com:{password}@127.0.0.1:{guarded.mail_server.port}"
    server = guarded.open(implicit=implicit)
    server.start()
    try:
        with SmtpTransport(env.email_url_config(url)) as transport:
            assert transport.send(ENVELOPE) is outcome
    finally:
        server.stop()

    assert len(guarded.mail_server.received) == (outcome is Outcome.SENT)
