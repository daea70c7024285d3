import sys, time, json, boto3, botocore.config, botocore.exceptions
kms = boto3.client("kms", config=botocore.config.Config(retries={"total_max_attempts": 2, "mode": "standard"}))

def refusal(call, **members):
    try:
        call(**members)
        return "none"
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]

