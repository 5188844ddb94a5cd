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


def not_subscribed() -> Refusal:
    """Where the role may not subscribe by itself, as the first call would."""
    message = (
        "Model access is denied due to IAM user or service role is not authorized to perform the required AWS "
        "Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this "
        "model. Refer to the Amazon Bedrock documentation for further details. Your AWS Marketplace subscription for "
        "this model cannot be completed at this time. If you recently fixed this issue, try again after 5 minutes."
    )
    return Refusal("AccessDeniedException", message)


def subscription_not_looked_up() -> Refusal:
    """The same; the message names the account and the role."""
    message = (
        "Model access is denied due to User: arn:aws:sts::123456789012:assumed-role/chatkeep-ChatFunctionRole-1A2B3C/"
        "chatkeep-chat is not authorized to perform: aws-marketplace:ViewSubscriptions on resource: * because no "
        "identity-based policy allows the aws-marketplace:ViewSubscriptions action."
    )
    return Refusal("AccessDeniedException", message)


def nothing_to_pay_with() -> Refusal:
    message = (
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be provided. Your "
        "AWS Marketplace subscription for this model cannot be completed at this time."
    )
    return Refusal("AccessDeniedException", message)


def no_access_to_the_model() -> Refusal:
    return Refusal("AccessDeniedException", "You don't have access to the model with the specified model ID.")


def use_case_not_told() -> Refusal:
    message = (
        "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form "
        "before using the model. If you have already filled out the form, try again in 15 minutes."
    )
    return Refusal("ResourceNotFoundException", message)


def account_may_not() -> Refusal:
    return Refusal("ValidationException", "Operation not allowed")


def only_by_a_profile() -> Refusal:
    """Its apostrophe is none of ASCII's."""
    message = (
        "Invocation of model ID anthropic.claude-3-5-sonnet-20240620-v1:0 with on-demand throughput isn\u2019t "
        "supported. Retry your request with the ID or ARN of an inference profile that contains this model."
    )
    return Refusal("ValidationException", message)


def model_retired() -> Refusal:
    message = (
        "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in "
        "the last 30 days. Please upgrade to an active model on Amazon Bedrock"
    )
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
