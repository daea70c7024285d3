"""boto3, with everything as its defaults make it."""

from __future__ import annotations

# Each adds its checks.
import boto3_asymmetric  # noqa: F401
import boto3_crypto  # noqa: F401
import boto3_features  # noqa: F401
import boto3_keys  # noqa: F401
from boto3_base import checks

if __name__ == "__main__":
    checks.run()
