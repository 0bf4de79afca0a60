"""A host of the laboratory that serves a directory from a bucket: moto, which speaks S3 and checks
signatures.

Runs until it is ended.
"""

import argparse
import json
import os
import pathlib
import threading

BUCKET = "models"


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="begins every key")
    parser.add_argument("--secrets", type=pathlib.Path, required=True, help="who may read")
    return parser.parse_args()


def client(service, url, key_id="nobody", secret="nothing"):
    import boto3

    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1",
        aws_access_key_id=key_id, aws_secret_access_key=secret,
    )  # fmt: skip


def reader(url):
    """A user who may read and nothing else: key id and secret."""
    iam = client("iam", url)
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def main():
    chosen = options()
    url = f"http://{chosen.address}:{chosen.port}"
    # Read when moto is loaded.
    os.environ["MOTO_S3_CUSTOM_ENDPOINTS"] = url
    from moto import settings
    from moto.server import ThreadedMotoServer

    ThreadedMotoServer(ip_address=chosen.address, port=chosen.port, verbose=False).start()
    s3 = client("s3", url)
    s3.create_bucket(Bucket=BUCKET)
    for path in sorted(chosen.directory.rglob("*")):
        if path.is_file():
            key = f"{chosen.directory.name}/{path.relative_to(chosen.directory)}"
            s3.upload_file(str(path), BUCKET, key)
    key_id, secret = reader(url)
    # From here on no request is answered without a signature that fits.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    chosen.secrets.write_text(json.dumps({"accessKeyID": key_id, "secretAccessKey": secret}))
    print("serving", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
