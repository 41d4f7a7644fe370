"""Makes the signatures of recorded requests once more, by botocore.

Reads a list of {"request": {method, path, host, headers, body}, "keys": {id: [secret,
session token]}, "service", "region", "unsigned_payload", "normalize"} from standard
input, prints a list of texts: "ok", or what is wrong.

The canonical request, the string to sign and the signature are botocore's. What is
here reads the request: its time, the headers that it says are signed, and whether
what should be signed is.
"""

import hashlib
import json
import sys
from urllib.parse import parse_qsl, unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials


def verify(case):
    request = case["request"]
    headers = {k: v if isinstance(v, list) else [v] for k, v in request["headers"].items()}
    headers["host"] = [request["host"]]
    path, _, query = request["path"].partition("?")
    if "x-amz-date" in headers or "authorization" in headers:
        if len(headers["authorization"]) != 1:
            return "more than one authorization"
        algorithm, _, rest = headers["authorization"][0].partition(" ")
        fields = dict(f.strip().split("=", 1) for f in rest.split(","))
        date = headers["x-amz-date"][0]
        token = headers.get("x-amz-security-token", [None])
        if token[0] is not None and "x-amz-security-token" not in fields["SignedHeaders"].split(";"):
            return "the session token is not signed"
        for mark in ("X-Amz-Signature", "X-Amz-Credential"):
            if mark in query:
                return "signed twice"
    else:
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        algorithm, date = pairs["X-Amz-Algorithm"], pairs["X-Amz-Date"]
        fields = {"Credential": pairs["X-Amz-Credential"], "SignedHeaders": pairs["X-Amz-SignedHeaders"], "Signature": pairs["X-Amz-Signature"]}
        token = [pairs.get("X-Amz-Security-Token")]
        query = "&".join(p for p in query.split("&") if not p.startswith("X-Amz-Signature="))
    if algorithm != "AWS4-HMAC-SHA256":
        return "algorithm " + algorithm
    key, day, region, service, end = fields["Credential"].split("/")
    if [day, region, service, end] != [date[:8], case["region"], case["service"], "aws4_request"]:
        return "scope " + fields["Credential"]
    if key not in case["keys"]:
        return "unknown key " + key
    secret, session = case["keys"][key]
    if len(token) != 1 or token[0] != (session or None):
        return "the session token is another one's"
    signed = fields["SignedHeaders"].split(";")
    for name in headers:
        if name.startswith("x-amz-") and name not in signed:
            return name + " is not signed"
    if "host" not in signed:
        return "host is not signed"

    body = request["body"].encode()
    digest = headers.get("x-amz-content-sha256", [hashlib.sha256(body).hexdigest()])[0]
    if digest != (case.get("unsigned_payload") or hashlib.sha256(body).hexdigest()):
        return "x-amz-content-sha256 is " + digest

    # botocore takes the path as it is for S3, and encodes it once more otherwise.
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key, secret, session or None), service, region)
    again = AWSRequest(method=request["method"], url="https://" + request["host"] + path + ("?" + query if query else ""))
    for name in signed:
        for value in headers[name]:
            again.headers.add_header(name, value)
    if "x-amz-content-sha256" not in signed:
        again.headers["X-Amz-Content-SHA256"] = digest  # what its payload() takes
    again.context["timestamp"] = date
    if "x-amz-content-sha256" not in signed:
        only = HTTPHeaders()
        for name in signed:
            for value in headers[name]:
                only.add_header(name, value)
        auth.headers_to_sign = lambda _: only
    canonical = auth.canonical_request(again)
    signature = auth.signature(auth.string_to_sign(again, canonical), again)
    if signature != fields["Signature"]:
        return "the signature differs; botocore's canonical request:\n" + canonical
    return "ok"


def main():
    results = []
    for case in json.load(sys.stdin):
        try:
            results.append(verify(case))
        except Exception as e:  # a request that cannot be read is not signed
            results.append(f"{type(e).__name__}: {e} in {unquote(json.dumps(case['request']))}")
    json.dump(results, sys.stdout)


main()
