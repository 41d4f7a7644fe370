"""Works with S3 by AWS's SDK for Python, with a bearer token instead of credentials.

usage: client.py ENDPOINT BUCKET PREFIX CA [HEADER]    (the token is on standard input)

Without HEADER the SDK signs nothing, and the token goes as Authorization. With it
the SDK has keys that nobody knows and signs with them, as clients do that cannot do
without, and the token goes in that header. Ends with an exception unless all that
was written is read back; prints what x-amz-content-sha256 the SDK sent, and whether
it had signed. e2e/sdkclient does the same with AWS's SDK for Go.
"""

import io
import json
import sys

import boto3
import botocore
from botocore.config import Config

endpoint, bucket, prefix, ca = sys.argv[1:5]
header = sys.argv[5] if len(sys.argv) > 5 else None
token = sys.stdin.read().strip()
keys = {"aws_access_key_id": "AKIDNOBODY", "aws_secret_access_key": "nobody"}
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    verify=ca,
    config=Config(
        signature_version=None if header else botocore.UNSIGNED,
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
    ),
    **(keys if header else {}),
)
sent = {}


def add_token(request, **_):
    hashed = request.headers.get("X-Amz-Content-SHA256", "none")
    if isinstance(hashed, bytes):
        hashed = hashed.decode()
    hashed = "hash" if len(hashed) == 64 else hashed
    chunked = "aws-chunked" in str(request.headers.get("Content-Encoding", ""))
    signed = "Authorization" in request.headers
    sent[("signed " if signed else "") + hashed + (" aws-chunked" if chunked else "")] = True
    if header:
        request.headers[header] = token
    else:
        request.headers["Authorization"] = "Bearer " + token


s3.meta.events.register("before-send.s3", add_token)


def same(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got!r:.200}, want {want!r:.200}")


def read(key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)


names = ["plain", "a b", "a+b", "a%2Fb", "ü/日本", "q?x=1&y#z", "(1)*'!;:@$,=", "~tilde", "dir/sub dir/"]
for name in names:
    body = b"" if name.endswith("/") else name.encode()
    s3.put_object(Bucket=bucket, Key=prefix + name, Body=body, Metadata={"owner": "alice", "note": "a  b"}, ContentType="text/plain")
    got = read(prefix + name)
    same(name, got["Body"].read(), body)
    same(name + ": metadata", got["Metadata"]["owner"], "alice")
    same(name + ": type", got["ContentType"], "text/plain")
    same(name + ": head", s3.head_object(Bucket=bucket, Key=prefix + name)["ContentLength"], len(body))

listed = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 4}) for o in page["Contents"]]
same("list", sorted(listed), sorted(prefix + n for n in names))

# A stream whose end nobody knows, in parts, two at a time.
big = bytes(range(256)) * (12 << 12)
s3.upload_fileobj(io.BytesIO(big), bucket, prefix + "big", Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=2))
same("multipart", read(prefix + "big")["Body"].read(), big)
same("range over two parts", read(prefix + "big", Range=f"bytes={(5 << 20) - 3}-{(5 << 20) + 4}")["Body"].read(), big[(5 << 20) - 3 : (5 << 20) + 5])

s3.copy_object(Bucket=bucket, Key=prefix + "copy of ü", CopySource={"Bucket": bucket, "Key": prefix + "ü/日本"})
same("copy", read(prefix + "copy of ü")["Body"].read(), "ü/日本".encode())
s3.put_object_tagging(Bucket=bucket, Key=prefix + "plain", Tagging={"TagSet": [{"Key": "team", "Value": "a b"}]})
same("tags", s3.get_object_tagging(Bucket=bucket, Key=prefix + "plain")["TagSet"], [{"Key": "team", "Value": "a b"}])
deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": prefix + n} for n in ["a b", "a+b"]]})
same("delete", sorted(d["Key"] for d in deleted.get("Deleted", [])), [prefix + "a b", prefix + "a+b"])
try:
    read(prefix + "a b")
except s3.exceptions.NoSuchKey:
    pass
else:
    raise AssertionError("a deleted object is still there")
print(json.dumps(sorted(sent)))
