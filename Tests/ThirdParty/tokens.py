#!/usr/bin/env python3
"""Tokens that PyJWT and joserfc make, against the real service; and those of `agent-events token make`, read by both.

Each library signs with each algorithm that it has; the service takes the key as a secret file or as a JWKS file, and the token in
the header, in a subprotocol, and as the first message. Tokens with a fault are refused, and none of them is in the logs.

  tokens.py               against services that this script starts
  tokens.py --self-test   that the checks notice each of these faults
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import warnings

import jwt
import websockets.exceptions
import websockets.sync.client
from joserfc import jwk as jose_jwk
from joserfc import jwt as jose_jwt

from joserfc.errors import SecurityWarning

from self_test import check_broken
from service import SUBPROTOCOL, DataFolder, Service, add_binary_option
from thread_reader import Fault

# It says that the name EdDSA is old; issuers use it.
warnings.filterwarnings("ignore", category=SecurityWarning)

SECRET_ALGORITHMS = {"HS256": 32, "HS384": 48, "HS512": 64}
KEY_ALGORITHMS = {
    "RS256": ("RSA", 2048), "RS384": ("RSA", 2048), "RS512": ("RSA", 3072), "PS256": ("RSA", 2048), "PS384": ("RSA", 2048),
    "PS512": ("RSA", 2048), "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
ISSUER, AUDIENCE = "https://login.example.com/", "agent-events"
THREAD = "/v1/threads/t_1/events"


def encoded(data):
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**more):
    """Those of a good token, and others in addition or in place of them; None leaves one out."""
    now = int(time.time())
    usual = {"sub": "u_1", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600, "jti": os.urandom(8).hex()}
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


def by_pyjwt(content, key, algorithm, key_id):
    headers = {} if key_id is None else {"kid": key_id}
    value = key if isinstance(key, bytes) else jwt.PyJWK.from_dict({**key.as_dict(private=True), "alg": algorithm}).key
    return jwt.encode(content, value, algorithm=algorithm, headers=headers)


def by_joserfc(content, key, algorithm, key_id):
    header = {"alg": algorithm, **({} if key_id is None else {"kid": key_id})}
    value = jose_jwk.OctKey.import_key(key) if isinstance(key, bytes) else key
    return jose_jwt.encode(header, content, value, algorithms=[algorithm])


MAKERS = {"PyJWT": by_pyjwt, "joserfc": by_joserfc}


def service(binary, *arguments):
    return Service(binary, None, "--auth", "jwt", *arguments, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE)


def get(running, token, path=THREAD):
    return running.request("GET", path, headers={"Authorization": f"Bearer {token}"})


# A token that counts is answered by the thread, which does not exist.
def check_taken(answer, what):
    if answer.status != 404 or answer.code != "thread.unknown":
        raise Fault(f"{what} does not count: {answer}")


def check_refused(answer, what, token, code="auth.invalid"):
    if answer.status != 401 or answer.code != code:
        raise Fault(f"{what} counts, or is refused for another reason than {code}: {answer}")
    expected = "Bearer" if code == "auth.missing" else 'Bearer error="invalid_token"'
    if answer.headers["WWW-Authenticate"] != expected:
        raise Fault(f"{what}: WWW-Authenticate is {answer.headers['WWW-Authenticate']!r}")
    check_silent(answer.body.decode(), what, token)


def check_silent(text, what, token):
    for part in token.split("."):
        if len(part) > 8 and part in text:
            raise Fault(f"{what} is repeated in {text[:300]!r}")


# Every way into the service -----------------------------------------------------------------------------------------------


def message(running, subprotocols=(SUBPROTOCOL,), headers=None, first=None):
    """The first message of a connection, after `first` was sent."""
    with websockets.sync.client.connect(
        running.url, subprotocols=list(subprotocols), additional_headers=headers or {}, open_timeout=180, close_timeout=180,
    ) as socket:
        if first is not None:
            socket.send(first)
        return json.loads(socket.recv(timeout=180))


def check_welcome(answer, what):
    if answer.get("op") != "welcome" or answer.get("user_id") != "u_1":
        raise Fault(f"{what} is answered with {answer}")


def every_way(running, token, what):
    check_taken(get(running, token), what)
    check_welcome(message(running, headers={"Authorization": f"Bearer {token}"}), f"{what} in the header")
    check_welcome(message(running, (SUBPROTOCOL, f"bearer.{token}")), f"{what} in a subprotocol")
    first = json.dumps({"op": "auth", "token": token})
    check_welcome(message(running, first=first), f"{what} as the first message")


def every_refusal(running, token, what):
    """The code of the close, and the status of an upgrade that is declined."""
    check_refused(get(running, token), what, token)
    for subprotocols, headers in [((SUBPROTOCOL,), {"Authorization": f"Bearer {token}"}), ((SUBPROTOCOL, f"bearer.{token}"), {})]:
        try:
            answer = message(running, subprotocols, headers)
        except websockets.exceptions.InvalidStatus as error:
            if error.response.status_code != 401:
                raise Fault(f"{what}: the upgrade is answered with {error.response.status_code}") from None
            check_silent(error.response.body.decode(), what, token)
        else:
            raise Fault(f"{what} opens a WebSocket: {answer}")
    check_closed(running, json.dumps({"op": "auth", "token": token}), what, "auth.invalid")


def check_closed(running, first, what, code):
    with websockets.sync.client.connect(running.url, subprotocols=[SUBPROTOCOL], open_timeout=180, close_timeout=180) as socket:
        try:
            socket.send(first)
            answer = json.loads(socket.recv(timeout=180))
            if answer.get("op") != "error" or answer.get("code") != code:
                raise Fault(f"{what} is answered with {answer}")
            socket.recv(timeout=180)
        except websockets.exceptions.ConnectionClosed as closed:
            check_close(closed.rcvd, what, code)
            return
    raise Fault(f"{what}: the connection lives")


def check_close(close, what, code):
    if close is None or (close.code, close.reason) != (4401, code):
        raise Fault(f"{what}: closed with {close}")


# Faults -------------------------------------------------------------------------------------------------------------------


def faults(key, algorithm, secret=None):
    """Tokens that do not count, by their names. `key` is private; `secret` the bytes of one, if it is that."""
    now = int(time.time())
    good = by_joserfc(claims(), key, algorithm, "k1")
    head, body, signature = good.split(".")
    public = json.dumps(key.as_dict(private=False)).encode() if secret is None else b"public"
    confused = f"{encoded({'alg': 'HS256', 'kid': 'k1'})}.{body}"
    confused += "." + encoded(hmac.new(public, confused.encode(), hashlib.sha256).digest())
    yield "a token without signature", f"{encoded({'alg': 'none', 'kid': 'k1'})}.{body}."
    yield "a token whose signature is cut off", f"{head}.{body}."
    yield "a token with padding", f"{head}.{body}=.{signature}"
    yield "a token with other claims", f"{head}.{encoded(claims(sub='u_2'))}.{signature}"
    yield "a token with a fourth part", good + ".AAAA"
    yield "a token that is too long", by_joserfc(claims(more="a" * 8192), key, algorithm, "k1")
    if secret is None:
        yield "a token that is signed with the public key as a secret", confused
    for name, more in {
        "a token without expiry": {"exp": None}, "a token that lives too long": {"exp": now + 90_000},
        "a token of tomorrow": {"nbf": now + 3600}, "a token that was not issued yet": {"iat": now + 3600, "exp": now + 7200},
        "a token without user": {"sub": None}, "a token whose user is no id": {"sub": "u 1"},
        "a token of another issuer": {"iss": "https://login.example.com"}, "a token without issuer": {"iss": None},
        "a token for somebody else": {"aud": "other"}, "a token for nobody": {"aud": []}, "a token without audience": {"aud": None},
        "a token whose expiry is a text": {"exp": str(now + 600)}, "a token whose expiry is huge": {"exp": 1e300},
        "a token with too many threads": {"threads": ["t"] * 257},
    }.items():
        yield name, by_raw(claims(**more), key if secret is None else secret, algorithm)


def by_raw(content, key, algorithm):
    """As joserfc signs it, without its own opinion about claims."""
    from joserfc import jws

    value = jose_jwk.OctKey.import_key(key) if isinstance(key, bytes) else key
    return jws.serialize_compact({"alg": algorithm, "kid": "k1"}, json.dumps(content).encode(), value, algorithms=[algorithm])


def write_private(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


def secrets(binary, folder):
    count = 0
    for algorithm, size in SECRET_ALGORITHMS.items():
        secret = base64.b64encode(os.urandom(size))
        file = write_private(folder / algorithm, secret + b"\n")
        with service(binary, "--jwt-secret-file", file, "--jwt-algorithm", algorithm) as running:
            for name, make in MAKERS.items():
                every_way(running, make(claims(), secret, algorithm, None), f"a token of {name} with {algorithm}")
                count += 1
            wrong = by_pyjwt(claims(), os.urandom(64), algorithm, None)
            every_refusal(running, wrong, f"a token with another secret and {algorithm}")
            expired = by_pyjwt(claims(exp=int(time.time()) - 60), secret, algorithm, None)
            check_refused(get(running, expired), "a token that has expired", expired, "auth.expired")
            made_here(binary, file, algorithm, secret, running)
            every_wrong_beginning(running)
            tokens_in_urls(running, by_pyjwt(claims(), secret, algorithm, None))
            running.stop()
            check_silent(running.errors(), "the log: a token", wrong + "." + expired)
    return count


def made_here(binary, file, algorithm, secret, running):
    """A token of this program is one for both libraries, and for the service."""
    command = [str(binary), "token", "make", "--user", "u_1", "--secret-file", file, "--algorithm", algorithm, "--ttl", "10m"]
    command += ["--issuer", ISSUER, "--audience", AUDIENCE, "--scope", "read", "--thread", "t_7", "--thread", "p-*"]
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    every_way(running, token, "a token of this program")
    content = jwt.decode(token, secret, algorithms=[algorithm], audience=AUDIENCE, issuer=ISSUER)
    other = jose_jwt.decode(token, jose_jwk.OctKey.import_key(secret), algorithms=[algorithm]).claims
    check_made(content, other)
    options = ["--jwt-secret-file", file, "--jwt-algorithm", algorithm, "--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE]
    good = subprocess.run([str(binary), "token", "check", *options], input=token, capture_output=True, text=True)
    if good.returncode != 0 or "u_1" not in good.stdout or "t_7, p-*" not in good.stdout:
        raise Fault(f"a good token is checked with {good}")
    bad = subprocess.run([str(binary), "token", "check", *options, token[:-2]], capture_output=True, text=True)
    if bad.returncode != 1 or "auth.invalid" not in bad.stderr:
        raise Fault(f"a bad token is checked with {bad}")


def check_made(content, other):
    if content != other or content["sub"] != "u_1" or content["scope"] != "read" or content["threads"] != ["t_7", "p-*"]:
        raise Fault(f"a token of this program is read as {content} and as {other}")
    if content["exp"] - content["iat"] != 600 or not content["jti"]:
        raise Fault(f"a token of this program has the times {content}")


def every_wrong_beginning(running):
    check_refused(running.request("GET", THREAD), "no token", "", "auth.missing")
    for first in ['{"op":"subscribe","thread_id":"t_1"}', '{"op":"ping"}', "nonsense", b"binary", "a" * 20_000]:
        check_closed(running, first, f"{first[:20]!r} before the token", "auth.missing")


def tokens_in_urls(running, token):
    for path in (f"{THREAD}?token={token}", f"/v1/threads/t/state?access_token={token}", f"/v1/stream?jwt={token}"):
        answer = running.request("GET", path)
        if answer.status != 400 or answer.code != "auth.in_url":
            raise Fault(f"a token in a URL is answered with {answer}")
        check_silent(answer.body.decode(), "a token in a URL", token)
    check_silent(running.errors(), "the log: a token in a URL", token)


def key_sets(binary, folder):
    keys = {}
    for number, (algorithm, (kind, size)) in enumerate(KEY_ALGORITHMS.items()):
        keys[algorithm] = jose_jwk.generate_key(kind, size, {"kid": f"k_{algorithm}", "alg": algorithm, "use": "sig"})
    published = [{**key.as_dict(private=False), "kid": f"k_{algorithm}", "alg": algorithm} for algorithm, key in keys.items()]
    # What others put into a set is passed over.
    published += [{"kty": "oct", "k": "AAAA", "kid": "secret"}, {"kty": "EC", "crv": "secp256k1", "kid": "other"}, {"kty": "AKP"}]
    file = folder / "keys.json"
    file.write_text(json.dumps({"keys": published}))
    count = 0
    with service(binary, "--jwks", str(file)) as running:
        for algorithm, key in keys.items():
            for name, make in MAKERS.items():
                token = make(claims(), key, algorithm, f"k_{algorithm}")
                check_taken(get(running, token), f"a token of {name} with {algorithm}")
                check_taken(get(running, token), f"a token of {name} with {algorithm}, again")
                count += 1
                other = next(one for one in keys if one != algorithm)
                wrong = make(claims(), key, algorithm, f"k_{other}")
                check_refused(get(running, wrong), f"a token of {name} that names the key of {other}", wrong)
            nameless = by_pyjwt(claims(), key, algorithm, None)
            check_refused(get(running, nameless), "a token that names no key of several", nameless)
        unknown = by_pyjwt(claims(), keys["ES256"], "ES256", "k_nobody")
        every_refusal(running, unknown, "a token with an unknown key")
    return count


def all_faults(binary, folder):
    count = 0
    secret = base64.b64encode(os.urandom(32))
    pairs = [("HS256", None)] + [(algorithm, KEY_ALGORITHMS[algorithm]) for algorithm in ("RS256", "ES256", "EdDSA")]
    for algorithm, kind in pairs:
        if kind is None:
            key, arguments = secret, ["--jwt-secret-file", write_private(folder / "secret", secret)]
        else:
            key = jose_jwk.generate_key(kind[0], kind[1])
            file = folder / f"{algorithm}.json"
            file.write_text(json.dumps({"keys": [{**key.as_dict(private=False), "kid": "k1"}]}))
            arguments = ["--jwks", str(file)]
        with service(binary, *arguments) as running:
            seen = []
            if kind is not None:
                check_taken(get(running, by_raw(claims(), key, algorithm)), f"a good token with {algorithm}")
            for what, token in faults(key if kind else jose_jwk.OctKey.import_key(secret), algorithm, None if kind else secret):
                check_refused(get(running, token), f"{what}, {algorithm}", token)
                seen.append(token)
                count += 1
            running.stop()
            for token in seen:
                check_silent(running.errors(), "the log: a token", token)
    return count


def beginnings(binary, folder):
    """Each unsafe combination is refused before anything is served, with a sentence that says what to do."""
    short = write_private(folder / "short", b"x" * 31)
    good = write_private(folder / "good", b"x" * 32)
    loose = folder / "loose"
    loose.write_bytes(b"x" * 32)
    loose.chmod(0o644)
    for words, arguments in {
        "one of --jwt-secret-file": ["--auth", "jwt"], "at least 32 bytes": ["--auth", "jwt", "--jwt-secret-file", short],
        "chmod 600": ["--auth", "jwt", "--jwt-secret-file", str(loose)], "--auth jwt": ["--jwt-secret-file", good],
        "--jwt-audience": ["--auth", "jwt", "--jwks-url", "https://login.example.com/keys"],
        "https://": ["--auth", "jwt", "--jwks-url", "http://login.example.com/keys", "--jwt-audience", "a"],
        "one of": ["--auth", "jwt", "--jwt-secret-file", good, "--jwks", good],
        "keys": ["--auth", "jwt", "--jwks", good],
        "expiry": ["--auth", "jwt", "--jwks", good, "--allow-tokens-without-expiry"],
        "cannot be read": ["--auth", "jwt", "--jwt-secret-file", str(folder / "nothing")],
        "48 bytes": ["--auth", "jwt", "--jwt-secret-file", good, "--jwt-algorithm", "HS384"],
        "without authentication": ["--host", "0.0.0.0"],
    }.items():
        run = subprocess.run(
            [str(binary), "serve", "--in-memory", "--port", "0", *arguments], capture_output=True, text=True, timeout=180)
        check_beginning(run.returncode, run.stderr, words, arguments)
    # With tokens it may be reached from elsewhere.
    with Service(binary, None, "--auth", "jwt", "--jwt-secret-file", good, "--host", "0.0.0.0") as running:
        token = by_pyjwt(claims(iss=None, aud=None), b"x" * 32, "HS256", None)
        check_taken(get(running, token), "a token at a service for everybody")


def check_beginning(code, errors, words, arguments):
    if code != 64 or words not in errors:
        raise Fault(f"serve {' '.join(arguments)} ends with {code} and {errors[:300]!r}, without {words!r}")


def run(binary):
    with DataFolder() as folder:
        beginnings(binary, folder)
        count = secrets(binary, folder) + key_sets(binary, folder)
        refused = all_faults(binary, folder)
    print(f"tokens: {count} kinds of two libraries count, {refused} faults and every wrong beginning are refused")


# Self-test ----------------------------------------------------------------------------------------------------------------


class _Answer:
    def __init__(self, status, code, body=b"{}", challenge='Bearer error="invalid_token"'):
        self.status, self.code, self.body, self.headers = status, code, body, {"WWW-Authenticate": challenge}


class _Close:
    def __init__(self, code, reason):
        self.code, self.reason = code, reason


def self_test():
    token = "aaaaaaaaaa.bbbbbbbbbb.cccccccccc"
    good = {"sub": "u_1", "scope": "read", "threads": ["t_7", "p-*"], "iat": 1, "exp": 601, "jti": "x"}
    check_taken(_Answer(404, "thread.unknown"), "it")
    check_refused(_Answer(401, "auth.invalid"), "it", token)
    check_refused(_Answer(401, "auth.missing", challenge="Bearer"), "it", token, "auth.missing")
    check_welcome({"op": "welcome", "user_id": "u_1"}, "it")
    check_close(_Close(4401, "auth.invalid"), "it", "auth.invalid")
    check_made(good, dict(good))
    check_beginning(64, "error: chmod 600 x", "chmod 600", [])
    broken = [
        ("a refusal of a good token", "does not count", lambda: check_taken(_Answer(401, "auth.invalid"), "it")),
        ("a bad token that counts", "counts", lambda: check_refused(_Answer(404, "thread.unknown"), "it", token)),
        ("another reason", "another reason", lambda: check_refused(_Answer(401, "auth.expired"), "it", token)),
        ("no challenge", "WWW-Authenticate", lambda: check_refused(_Answer(401, "auth.invalid", challenge=None), "it", token)),
        ("a token in an answer", "repeated", lambda: check_refused(_Answer(401, "auth.invalid", b"bbbbbbbbbb"), "it", token)),
        ("a token in a log", "repeated", lambda: check_silent("x cccccccccc", "it", token)),
        ("another user", "answered with", lambda: check_welcome({"op": "welcome", "user_id": "u_2"}, "it")),
        ("an error in place of the welcome", "answered with", lambda: check_welcome({"op": "error"}, "it")),
        ("a connection that is gone", "closed with", lambda: check_close(None, "it", "auth.invalid")),
        ("another close code", "closed with", lambda: check_close(_Close(1000, ""), "it", "auth.invalid")),
        ("readers that differ", "is read as", lambda: check_made(good, {**good, "sub": "u_2"})),
        ("another lifetime", "has the times", lambda: check_made({**good, "exp": 700}, {**good, "exp": 700})),
        ("a service that starts", "ends with 0", lambda: check_beginning(0, "chmod 600", "chmod 600", [])),
        ("a refusal that does not say what to do", "without", lambda: check_beginning(64, "no", "chmod 600", [])),
    ]
    return check_broken("tokens", broken)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--self-test", action="store_true")
    add_binary_option(parser)
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        run(arguments.binary)
    except Fault as fault:
        print(f"tokens: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
