import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError

from functions.authorize import issuer_keys
from functions.authorize.refusals import TokenRefused
from functions.authorize.tokens import CLOCK_SKEW_S, is_token, keys_of, token_caller
from functions.shared.caller import Limits
from functions.shared.callers.records import subject_hash
from functions.shared.errors import ServiceUnavailable
from functions.shared.token_issuer import TokenIssuer
from tests.support.fresh_process import printed_by
from tests.support.token_server import AUDIENCE, FromNow, issuing, private_key, published

END_S = 9_000_000_000


@pytest.fixture
def server():
    keys_of.cache_clear()
    with issuing() as server:
        yield server


class Clock:
    def __init__(self):
        self.now_s = 1_000.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(issuer_keys, "time", clock)
    return clock


def issuer(server, **changes):
    return TokenIssuer(issuer=server.url, audience=AUDIENCE, **changes)


def refusal(server, token, **changes):
    with pytest.raises(TokenRefused) as refused:
        token_caller(token, issuer(server, **changes))
    return str(refused.value)


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_good_token_names_its_caller_and_until_when_it_is_taken(server):
    told = token_caller(server.token(exp=END_S), issuer(server))
    assert (told.subject, told.plan) == ("ann", "standard")
    assert told.expires_at_s == END_S + CLOCK_SKEW_S
    assert told.record_hash == subject_hash(server.url, "ann")
    digest = hashlib.sha256(f"{server.url}\0ann".encode()).digest()
    assert told.caller_id == base64.b32encode(digest).decode().lower()[:10]


def test_a_subject_that_nobody_entered_has_its_plans_limits(server):
    told = token_caller(server.token(exp=END_S), issuer(server))
    plans = {"standard": Limits(month_nano_usd=5)}
    caller = told.caller(plans, Limits(month_nano_usd=9))
    assert (caller.name, caller.plan, caller.expires_at_s) == ("ann", "standard", told.expires_at_s)
    assert (caller.limits, caller.stage_limits) == (plans["standard"], Limits(month_nano_usd=9))
    assert told.caller({}, None).limits is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": FromNow(-120)}, "expired"),
        ({"exp": None}, "lacks"),
        ({"exp": "soon"}, "cannot be read"),
        ({"nbf": FromNow(3_600)}, "not valid yet"),
        ({"iat": FromNow(3_600)}, "not valid yet"),
        ({"aud": "another"}, "somebody else"),
        ({"aud": ["another"]}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": None, "client_id": AUDIENCE}, "somebody else"),
        ({"aud": None, "client_id": AUDIENCE, "token_use": "refresh"}, "somebody else"),
        ({"aud": "another", "client_id": AUDIENCE, "token_use": "access"}, "somebody else"),
        ({"iss": "https://another.example"}, "another one"),
        ({"iss": None}, "lacks"),
        ({"sub": None}, "names no caller"),
        ({"sub": ""}, "names no caller"),
        ({"sub": "  "}, "names no caller"),
        ({"sub": "a" * 201}, "no name"),
        ({"sub": "a\nb"}, "no name"),
        ({"sub": "\ud800"}, "no name"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused_in_our_words(server, changes, reason):
    assert reason in refusal(server, server.token(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": FromNow(-10)},
        {"nbf": FromNow(30)},
        {"aud": ["another", AUDIENCE]},
        {"aud": None, "client_id": AUDIENCE, "token_use": "access"},
        {"sub": "a" * 200},
        {"sub": 'Zoë O\'Hara "x" \\'},
    ],
)
def test_clocks_may_differ_and_names_and_audiences_have_many_forms(server, changes):
    told = token_caller(server.token(**changes), issuer(server))
    assert told.subject == changes.get("sub", "ann")


@pytest.mark.parametrize("claim", [7, True, ["ann"], {"name": "ann"}])
def test_a_caller_is_a_text(server, claim):
    told = server.token(who=claim)
    assert "names no caller" in refusal(server, told, caller_claim="who")


@pytest.mark.parametrize(
    ("claim", "plan"),
    [
        ("operator", "operator"),
        (["readers", "operator"], "operator"),
        ("standard", "standard"),
        ("operators", "standard"),
        (["operators"], "standard"),
        (7, "standard"),
        (None, "standard"),
        ({"operator": True}, "standard"),
    ],
)
def test_a_token_makes_an_operator_only_where_the_stage_says_by_which_claim(server, claim, plan):
    token = server.token(groups=claim)
    assert token_caller(token, issuer(server, plan_claim="groups")).plan == plan
    assert token_caller(token, issuer(server)).plan == "standard"


def test_a_token_without_a_signature_is_refused_and_nobody_asked(server):
    token = server.token(algorithm="none")
    assert is_token(token)
    assert refusal(server, token) == "its algorithm is not allowed"
    assert server.asked == []


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(server):
    public = private_key("first").public_key()
    secret = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = {"iss": server.url, "aud": AUDIENCE, "sub": "ann", "exp": END_S}
    signed = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    token = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    assert refusal(server, token) == "its algorithm is not allowed"
    # A secret in the issuer's list is no key to verify with, either.
    server.keys = [{"kid": "first", "kty": "oct", "k": encoded("secret" * 9)}, published("other")]
    assert refusal(server, server.token()) == "its key is none of the issuer's"


def test_an_algorithm_that_the_stage_does_not_name_is_refused(server):
    token = server.token(algorithm="PS256")
    assert refusal(server, token) == "its algorithm is not allowed"
    server.keys = [published("first", alg="PS256")]
    assert token_caller(token, issuer(server, algorithms=["PS256"])).subject == "ann"


@pytest.mark.parametrize(("key", "algorithm"), [("first", "RS512"), ("ec", "ES256")])
def test_a_key_verifies_its_own_algorithm_alone(server, key, algorithm):
    server.keys = [published(key, alg=algorithm)]
    assert token_caller(server.token(key, algorithm), issuer(server)).subject == "ann"
    forged = server.token("first", "RS256", {"kid": key})
    assert refusal(server, forged) == "its algorithm is not its key's"


def test_a_token_signed_by_another_key_is_refused(server):
    assert "signature" in refusal(server, server.token("other", headers={"kid": "first"}))


def test_a_key_that_can_be_broken_is_refused(server):
    server.keys = [published("small")]
    assert "cannot be read" in refusal(server, server.token("small"))


def test_keys_that_encrypt_verify_nothing(server):
    server.keys = [published("first", use="enc"), published("other")]
    assert "none of the issuer's" in refusal(server, server.token())


@pytest.mark.parametrize("change", ["payload", "signature", "header"])
def test_a_token_that_was_changed_is_refused(server, change):
    header, payload, signature = server.token().split(".")
    changed = {
        "payload": (header, encoded({"sub": "root", "aud": AUDIENCE, "exp": 9e9}), signature),
        "signature": (header, payload, "AAAA"),
        "header": (encoded({"alg": "RS256", "kid": ["first"]}), payload, signature),
    }[change]
    assert refusal(server, ".".join(changed))


def test_a_token_without_a_keys_name_is_verified_by_the_only_key(server):
    assert token_caller(server.token(headers={"kid": None}), issuer(server)).subject == "ann"
    keys_of.cache_clear()
    server.keys.append(published("other"))
    assert "none of the issuer's" in refusal(server, server.token(headers={"kid": None}))


def test_keys_are_read_once_and_anew_for_one_that_is_unknown(server, clock):
    token_caller(server.token(), issuer(server))
    token_caller(server.token(sub="bob"), issuer(server))
    assert server.asked == ["/.well-known/openid-configuration", "/keys"]
    server.keys = [published("other")]
    clock.now_s += issuer_keys.ASK_AGAIN_S
    assert token_caller(server.token("other"), issuer(server)).subject == "ann"
    assert server.asked.count("/keys") == 2
    assert "none of the issuer's" in refusal(server, server.token())


def test_unknown_keys_do_not_make_the_issuer_be_asked_again_and_again(server, clock):
    for number in range(20):
        clock.now_s += 0.1
        headers = {"kid": f"unknown-{number}"}
        assert "none of the issuer's" in refusal(server, server.token(headers=headers))
    assert server.asked.count("/keys") == 1


def test_a_withdrawn_key_ends_when_the_list_is_old(server, clock):
    token_caller(server.token(), issuer(server))
    server.keys = [published("other")]
    clock.now_s += issuer_keys.FRESH_S + 1
    assert "none of the issuer's" in refusal(server, server.token())


def test_an_issuer_that_is_down_is_not_the_tokens_fault(server, clock, caplog):
    server.keys = None
    token = server.token()
    for _ in range(20):
        with pytest.raises(ServiceUnavailable):
            token_caller(token, issuer(server))
    assert server.asked.count("/keys") == 1
    server.keys = [published("first")]
    clock.now_s += issuer_keys.TRY_AGAIN_S
    assert token_caller(token, issuer(server)).subject == "ann"
    assert caplog.messages == ["issuer_keys_unread"]
    assert vars(caplog.records[0])["error"] == "HTTPError"


def test_known_keys_outlive_an_outage_of_a_day_and_no_longer(server, clock):
    token_caller(server.token(), issuer(server))
    server.keys = None
    clock.now_s += issuer_keys.LONGEST_S
    assert token_caller(server.token(), issuer(server)).subject == "ann"
    # Whether a new one is the issuer's cannot be known meanwhile.
    with pytest.raises(ServiceUnavailable):
        token_caller(server.token("other"), issuer(server))
    clock.now_s += issuer_keys.TRY_AGAIN_S
    with pytest.raises(ServiceUnavailable):
        token_caller(server.token(), issuer(server))


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://another.example"},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/hostname"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
    ],
)
def test_a_document_of_another_issuer_or_keys_elsewhere_are_not_believed(server, document):
    server.document |= document
    with pytest.raises(ServiceUnavailable):
        token_caller(server.token(), issuer(server))


def test_a_redirection_to_other_keys_is_not_followed(server):
    with pytest.raises(ServiceUnavailable):
        token_caller(server.token(), issuer(server, jwks_url=f"{server.url}/moved"))
    assert server.asked == ["/moved"]


def test_keys_are_where_the_stage_says(server):
    told = TokenIssuer(
        issuer="https://issuer.example", audience=AUDIENCE, jwks_url=f"{server.url}/keys"
    )
    token = server.token(iss="https://issuer.example")
    assert token_caller(token, told).subject == "ann"
    assert server.asked == ["/keys"]


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "lo_0123456789abcdef",
        "dev-key-123",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        f"{encoded({'typ': 'JWT'})}.e30.x",
        f"{encoded(['alg'])}.e30.x",
        f"{encoded({'alg': 'RS256'})}.e30.x\n",
        f" {encoded({'alg': 'RS256'})}.e30.x",
        f"{encoded({'alg': 'RS256'})}..x",
        "é.b.c",
        base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=") + ".b.c",
    ],
)
def test_what_is_no_token_is_not_taken_for_one(credential):
    assert not is_token(credential)


def test_a_token_is_known_by_its_form(server):
    assert is_token(server.token())
    assert is_token(server.token("ec", "ES256"))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS257", ""])
def test_a_stage_cannot_allow_what_verifies_nothing(algorithm):
    with pytest.raises(ValidationError, match="algorithms"):
        TokenIssuer(issuer="https://i.example", audience="a", algorithms=[algorithm])


def test_callers_with_keys_do_not_wait_for_what_verifies_tokens():
    loaded = 'print(*({"jwt", "cryptography"} & set(sys.modules)))'
    assert printed_by(f"import sys, functions.authorize.handler; {loaded}") == ""
    verifying = "functions.authorize.verification"
    assert set(printed_by(f"import sys, {verifying}; {loaded}").split()) == {"jwt", "cryptography"}
