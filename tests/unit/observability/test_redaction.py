"""What a log entry may not show, by field, by look and by value; and what must stay readable."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observability.redaction import MASK, MAX_ITEMS, MAX_TEXT_CHARACTERS, Redaction

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def logged(redaction: Redaction | None = None, **entry: Any) -> dict[str, Any]:
    return dict((redaction or Redaction()).processor(None, "info", dict(entry)))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "authorization",
            "Authorization",
            "token",
            "access_token",
            "accessToken",
            "client_secret",
            "clientSecret",
        ),
        *(
            "password",
            "sasl_password",
            "SASL_PASSWORD",
            "cookie",
            "Set-Cookie",
            "phone",
            "phoneNumber",
            "msisdn",
        ),
        *(
            "msisdn",
            "GATEWAY_POS__CLIENT_SECRET",
            "credentials",
            "http.request.header.authorization",
            "api_key_token",
        ),
    ],
)
@pytest.mark.parametrize("value", ["hunter22", b"hunter22", 20031801, ["hunter22"], {"x": "hunter22"}])
def test_private_fields_are_masked(name: str, value: Any) -> None:
    for entry in (logged(**{name: value}), logged(outer={name: value}), logged(outer=[{name: value}])):
        assert "hunter22" not in str(entry) and "20031801" not in str(entry)
        assert MASK in str(entry)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter22",
        "answered 401 to bearer hunter22",
        "authorization=Basic aHVudGVyMjI6aHVudGVyMjI=",
        f"sent {JWT} along",
        "client_secret=hunter22&grant_type=client_credentials",
        '{"access_token": "hunter22", "expires_in": 3600}',
        "{'clientSecret': 'hunter22'}",
        '{\\"password\\":\\"hunter22\\"}',
        "headers {b'Authorization': b'Bearer hunter22'}",
        "http://user:hunter22@proxy.example:3128/",
        "customer +45 20031801 checked in",
        "customer +4520031801",
        "customer 004520031801",
        "customer +358 200318001",
        '"phoneNumber":"20031801"',
        "phone_number=20031801",
    ],
)
def test_private_texts_are_masked(text: str) -> None:
    for clean in (
        Redaction().text(text),
        str(logged(event=text)),
        str(logged(x=[text])),
        str(logged(x=text.encode())),
    ):
        assert MASK in clean
        for private in ("hunter22", "aHVudGVy", "c2lnbmF0dXJl", "20031801", "200318001", "2003 1801"):
            assert private not in clean


@pytest.mark.parametrize(
    "text",
    [
        "payment p-1 of 5f1c9b8e-0000-4000-8000-94c0bdd1c4bb reserved",
        "offset 4520031801 of partition 3 at 1777898700000",
        "2026-05-04T12:45:00.007+02:00",
        "merchant DK12345678",
        "1 + 12345678 = 12345679",
        "the basic idea; bearer of news",
        "got a token after 3 tries",
        "http://127.0.0.1:8080/pos/v10/payments",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_numbers_and_answers_under_private_names_that_say_nothing_stay() -> None:
    assert logged(token_held=True, token=None, offset=7, seconds=0.5) == {
        "token_held": True,
        "token": None,
        "offset": 7,
        "seconds": 0.5,
    }
    assert logged(rate=float("nan"), most=float("inf")) == {"rate": "nan", "most": "inf"}


def test_header_pairs_are_read_by_their_name() -> None:
    headers = [(b"Authorization", b"hunter22"), ("x-ibm-client-secret", "hunter22"), ("accept", "text/plain")]
    assert logged(headers=headers)["headers"] == [
        ["Authorization", MASK],
        ["x-ibm-client-secret", MASK],
        ["accept", "text/plain"],
    ]


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    redaction = Redaction(["hunter22", "hunter22-longer", "abc", ""])
    assert redaction.text("xhunter22-longery hunter22 abc") == f"x{MASK}y {MASK} abc"
    entry = logged(
        redaction, event="a", hunter22="b", nested={"hunter22": ["hunter22"]}, exception="E: hunter22\nx"
    )
    assert "hunter22" not in str(entry)


def test_line_breaks_and_control_characters_are_escaped() -> None:
    forged = 'x\n{"event": "forged"}\r\x1b[31m\u2028\u202e\x85\ud800'
    entry = logged(event=forged, **{"key\n": forged})
    for text in (*entry, *entry.values()):
        assert text.isprintable()
        text.encode()
    assert entry["event"].startswith('x\\n{"event"')


def test_tracebacks_keep_their_lines_and_nothing_else() -> None:
    assert logged(exception="Traceback:\n  x\n\x1b[0mE: password=hunter22")["exception"] == (
        f"Traceback:\n  x\n\\x1b[0mE: password={MASK}"
    )


def test_values_are_bounded() -> None:
    entry = logged(
        text="x" * 10_000,
        many=list(range(1_000)),
        wide=dict.fromkeys(map(str, range(1_000)), 1),
        deep=json.loads("[" * 50 + "]" * 50),
        exception="first\n" + "x" * 100_000 + "\nlast",
    )
    assert entry["text"] == "x" * MAX_TEXT_CHARACTERS + "... (10000 characters)"
    assert len(entry["many"]) == MAX_ITEMS + 1 and entry["many"][-1] == "... 950 more"
    assert len(entry["wide"]) == MAX_ITEMS + 1 and entry["wide"]["..."] == "950 more"
    assert len(str(entry)) < 40_000
    assert entry["exception"].endswith("last")


def test_a_secret_is_not_cut_in_two_by_the_bound() -> None:
    for place in range(MAX_TEXT_CHARACTERS - 12, MAX_TEXT_CHARACTERS + 2):
        assert "hunter" not in Redaction(["hunter22"]).text("x" * place + "hunter22" + "y" * 50)


def test_what_cannot_be_shown_does_not_stop_the_log() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("hunter22")

    assert logged(odd=Odd())["odd"] == "<Odd that cannot be shown: RuntimeError>"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.binary(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=4))
def test_any_entry_becomes_json_of_printable_text(entry: dict[str, Any]) -> None:
    clean = Redaction(["hunter22"]).processor(None, "info", dict(entry))
    text = json.dumps(
        {name: value for name, value in clean.items() if name != "exception"}, ensure_ascii=False
    )
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cs", "Zl", "Zp"}
    text.encode()
