"""Records what botocore signs, for botocore_test.go.

    python3 testdata/gen_botocore.py > testdata/botocore.json

The requests are random, within what botocore signs as the services verify it:
S3 paths and all queries are encoded in the canonical way, for botocore signs
them as they are; paths of other services are anything, for it normalises and
encodes those itself. Seeded, so a second run gives the same file but for the
version of botocore.
"""
import datetime
import json
import random
import sys
from unittest import mock
from urllib.parse import quote

import botocore
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ALPHABET = ["a", "B", "9", "-", ".", "_", "~", "/", " ", "+", "%", "&", "=", "?", "#", ":", "@",
            "(", ")", "*", "!", "'", ",", ";", "$", "[", "]", "ü", "ሴ", "😀", "..", "//"]
rng = random.Random(20150830)


def word(low, high, without=""):
    return "".join(c for c in rng.choices(ALPHABET, k=rng.randint(low, high)) if c not in without)


def path(service):
    if service == "s3":
        return "/" + quote(word(0, 12), safe="/-_.~")
    # "?" and "#" would end the path.
    raw = "/" + word(0, 12, "?#%")
    return raw if rng.random() < 0.5 and raw.isascii() and " " not in raw else quote(raw, safe="/-_.~+:@=,;$!*'()&[]")


def query():
    pairs = []
    for _ in range(rng.choice([0, 0, 1, 2, 3, 5])):
        key = quote(word(1, 4), safe="-_.~")
        # A key that is not there twice with the same value is a pair of its own.
        pairs.append(rng.choice([key, key + "=", key + "=" + quote(word(0, 6), safe="-_.~")]))
    return "&".join(pairs)


def headers():
    out = []
    for name in rng.sample(["X-Amz-Meta-A", "x-amz-meta-b", "Content-Type", "Range", "If-Match", "X-Custom", "x-amz-acl", "Cache-Control"],
                           k=rng.randint(0, 4)):
        out.append([name, rng.choice(["plain", "  padded  ", "two  blanks   here", "a, b,c", '"quoted"', ""])])
    return out


class Recorder:
    """Keeps the intermediate values that the signer logs nowhere else."""

    def __init__(self, signer):
        self.canonical, self.sts = "", ""
        canonical_request, string_to_sign = signer.canonical_request, signer.string_to_sign

        def canonical(request):
            self.canonical = canonical_request(request)
            return self.canonical

        def sts(request, text):
            self.sts = string_to_sign(request, text)
            return self.sts

        signer.canonical_request, signer.string_to_sign = canonical, sts


def record(n):
    service = rng.choice(["s3", "s3", "execute-api", "lambda", "es"])
    region = rng.choice(["us-east-1", "eu-central-1", "cn-north-1"])
    way = rng.choice(["headers", "headers", "query"])
    token = rng.choice([None, None, "FwoGZXIvYXdzEJr//////////wE+a=="])
    now = datetime.datetime(2015, 8, 30, 12, 36, 0) + datetime.timedelta(seconds=rng.randint(0, 300_000_000))
    method = rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    # botocore moves the body of a presigned request into its query.
    body = rng.choice(["", "Param1=value1", "ü" * 40]) if method in ("PUT", "POST") and way == "headers" else ""
    expires = rng.choice([1, 300, 604800])
    case = {"name": f"{n:02d} {service} {way}", "service": service, "region": region, "way": way, "method": method,
            "path": path(service), "query": query(), "host": f"{service}.{region}.example.org",
            "headers": headers(), "body": body, "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": token or "",
            "unsigned": service == "s3" and rng.random() < 0.5, "expires": expires}
    # https and payload_signing_enabled decide about the payload of S3.
    url = "https://" + case["host"] + case["path"] + ("?" + case["query"] if case["query"] else "")
    request = AWSRequest(method=method, url=url, data=body.encode(), headers=dict(case["headers"]))
    request.context["client_config"] = Config(s3={"payload_signing_enabled": not case["unsigned"]})
    request.context["payload_signing_enabled"] = not case["unsigned"]
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    kind = {("s3", "headers"): auth.S3SigV4Auth, ("s3", "query"): auth.S3SigV4QueryAuth,
            ("", "headers"): auth.SigV4Auth, ("", "query"): auth.SigV4QueryAuth}[service if service == "s3" else "", way]
    signer = kind(credentials, service, region, **({"expires": expires} if way == "query" else {}))
    recorder = Recorder(signer)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        signer.add_auth(request)
    case["canonical_request"] = recorder.canonical
    case["string_to_sign"] = recorder.sts
    case["payload_hash"] = recorder.canonical.rsplit("\n", 1)[1]
    signed = request.headers.get("Authorization") or request.url
    case["signature"] = signed.rsplit("Signature=", 1)[1][:64]
    return case


json.dump({"botocore": botocore.__version__, "cases": [record(n) for n in range(60)]}, sys.stdout,
          indent=1, ensure_ascii=False)
print()
