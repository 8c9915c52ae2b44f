"""Verifies what was signed for one library, and the same with one bit altered."""

import importlib.metadata
import json
import pathlib
import sys

name, work = sys.argv[1], pathlib.Path(sys.argv[2])
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def standardwebhooks():
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    def verify(body, headers):
        try:
            Webhook(STANDARD).verify(body, headers, json_parse=False)
        except WebhookVerificationError:
            return False
        return True

    return verify


def svix():
    from svix.webhooks import Webhook, WebhookVerificationError

    def verify(body, headers):
        try:
            Webhook(STANDARD).verify(body, headers)
        except WebhookVerificationError:
            return False
        except json.JSONDecodeError:
            # It reads JSON once the signature holds, and not every body is JSON.
            return True
        return True

    return verify


def stripe():
    import stripe as library

    def verify(body, headers):
        signature = headers["stripe-signature"]
        secret = "whsec_f00dfeedf00dfeedf00dfeedf00dfeed"
        try:
            library.WebhookSignature.verify_header(body.decode(), signature, secret, 300)
        except library.SignatureVerificationError:
            return False
        return True

    return verify


def slack():
    from slack_sdk.signature import SignatureVerifier

    verifier = SignatureVerifier("8f742231b10e8888abcd99yyyzzz85a5")
    return lambda body, headers: verifier.is_valid_request(body, headers)


def altered(body):
    """One bit of one ASCII character, so that it stays text; one byte more where there is none."""
    for place in range(len(body) // 2, len(body)):
        if body[place] < 0x80:
            return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    return body + b"x"


def given():
    lines = (work / "lines").read_bytes().split(b"\n")[:-1]
    return lines + [path.read_bytes() for path in sorted((work / "bodies").iterdir())]


verify = {"standardwebhooks": standardwebhooks, "svix": svix, "stripe": stripe, "slack": slack}
verify = verify[name]()
signed = (work / f"{name}.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
count = 0
for body, line in zip(given(), signed, strict=True):
    request = json.loads(line)["request"]
    headers = {key.lower(): value for key, value in request["headers"]}
    assert request["body"]["text"].encode() == body, f"{name}: another body: {body[:80]}"
    assert verify(body, headers), f"{name} refuses {body[:80]} with {headers}"
    assert not verify(altered(body), headers), f"{name} takes {altered(body)[:80]}"
    count += 1
package = {"slack": "slack_sdk"}.get(name, name)
print(f"{package} {importlib.metadata.version(package)}: {count} bodies")
