"""An S3 server (moto) and a bucket in it."""

import json
import os
import sys
import urllib.request

from processes import Process, accepts_connections, eventually, free_port

KEY_ID = "AKIAEXAMPLEEXAMPLE00"
SECRET = "secret-that-nobody-may-see-0123456789abcd"


class Bucket:
    """Requests are checked for their signatures from the moment of `lock()` on."""

    def __init__(self, directory, name="models"):
        import boto3

        directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.secrets = directory / "secrets.json"
        self.secrets.write_text(json.dumps({"accessKeyID": KEY_ID, "secretAccessKey": SECRET}))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            directory, "moto", env={**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": self.url},
        )
        eventually(lambda: accepts_connections(("127.0.0.1", self.port)), 30, "moto listens")
        options = {
            "endpoint_url": self.url, "aws_access_key_id": KEY_ID,
            "aws_secret_access_key": SECRET, "region_name": "us-east-1",
        }
        self.s3 = boto3.client("s3", **options)
        self.iam = boto3.client("iam", **options)
        self.sts = boto3.client("sts", **options)
        self.s3.create_bucket(Bucket=name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()

    def upload(self, directory, prefix):
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                key = prefix + str(path.relative_to(directory))
                self.s3.put_object(Bucket=self.name, Key=key, Body=path.read_bytes())

    def user(self):
        """A user of their own who may read: key id and secret."""
        self.iam.create_user(UserName="shoal")
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        self.iam.put_user_policy(
            UserName="shoal", PolicyName="read", PolicyDocument=json.dumps(policy)
        )
        key = self.iam.create_access_key(UserName="shoal")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def role(self):
        """Temporary credentials: key id, secret, session token."""
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        role = self.iam.create_role(
            RoleName="shoal", AssumeRolePolicyDocument=json.dumps(policy)
        )["Role"]
        self.iam.put_role_policy(
            RoleName="shoal", PolicyName="read", PolicyDocument=json.dumps(policy)
        )
        found = self.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="shoal")["Credentials"]
        return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]

    def lock(self, isLocked=True):
        # As a form, which is urllib's default, the body would not reach what reads it.
        request = urllib.request.Request(
            f"{self.url}/moto-api/reset-auth", data=b"0" if isLocked else b"999999", method="POST",
            headers={"Content-Type": "text/plain"},
        )  # fmt: skip
        urllib.request.urlopen(request).read()

    def reads(self):
        """How often an object below `org/` was asked for so far."""
        return self.process.output.count(f"GET /{self.name}/org/")

    def origin(self, identifier="store", **more):
        return {
            "id": identifier, "kind": "s3", "bucket": self.name, "endpoint": self.url,
            "locality": "aws/us-east-1", "credentials": {"file": str(self.secrets)}, **more,
        }
