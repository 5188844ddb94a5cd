"""Refusals of Bedrock's runtime in the words it has for them."""

from tests.provider.bedrock_replies import Refusal


def throttled() -> Refusal:
    return Refusal("ThrottlingException", "Too many tokens, please wait before trying again.")


def too_long() -> Refusal:
    return Refusal("ValidationException", "Input is too long for requested model.")


def access_denied() -> Refusal:
    """Its message names the account and the role."""
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/chatkeep-ChatFunctionRole-1A2B3C/chatkeep-chat is not authorized "
        "to perform: bedrock:InvokeModelWithResponseStream on resource: "
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20240620-v1:0 "
        "because no identity-based policy allows the bedrock:InvokeModelWithResponseStream action"
    )
    return Refusal("AccessDeniedException", message)


def bad_credentials() -> Refusal:
    """From in front of the service, so not in its model."""
    message = "The security token included in the request is invalid."
    return Refusal("UnrecognizedClientException", message, status=403)


def model_not_found() -> Refusal:
    message = "Model use case details have not been submitted for this account."
    return Refusal("ResourceNotFoundException", message)


def unknown_model() -> Refusal:
    return Refusal("ValidationException", "The provided model identifier is invalid.")


def quota_exceeded() -> Refusal:
    return Refusal("ServiceQuotaExceededException", "Your request exceeds the service quota for your account.")


def model_not_ready() -> Refusal:
    message = "Model is not ready for inference. Wait and try your request again."
    return Refusal("ModelNotReadyException", message)


def unavailable() -> Refusal:
    return Refusal("ServiceUnavailableException", "Bedrock is unable to process your request.")


def model_timed_out() -> Refusal:
    message = "Model has timed out in processing the request. Try your request again."
    return Refusal("ModelTimeoutException", message)


def model_failed() -> Refusal:
    message = "The system encountered an unexpected error during processing. Try your request again."
    return Refusal("ModelErrorException", message, {"originalStatusCode": 500, "resourceName": "anthropic.claude"})


def internal_error() -> Refusal:
    message = "The system encountered an unexpected error during processing. Try your request again."
    return Refusal("InternalServerException", message)
