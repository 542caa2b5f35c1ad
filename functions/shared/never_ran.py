"""What AWS says where a state's function was not run at all: nobody was called, and nothing is billed."""

from __future__ import annotations

_REFUSALS = (
    "AccessDenied", "CodeArtifactUserDeleted", "CodeArtifactUserFailed", "CodeArtifactUserPending",
    "DurableExecutionAlreadyStarted", "EC2AccessDenied", "EC2Throttled", "EC2Unexpected", "EFSIO",
    "EFSMountConnectivity", "EFSMountFailure", "EFSMountTimeout", "ENILimitReached", "ENINotReady",
    "InvalidParameterValue", "InvalidRequestContent", "InvalidRuntime", "InvalidSecurityGroupID",
    "InvalidSubnetID", "InvalidZipFile", "KMSAccessDenied", "KMSDisabled", "KMSInvalidState",
    "KMSNotFound", "ModeNotSupported", "NoPublishedVersion", "RecursiveInvocation",
    "RequestTooLarge", "ResourceConflict", "ResourceNotFound", "ResourceNotReady",
    "S3FilesMountConnectivity", "S3FilesMountFailure", "S3FilesMountTimeout",
    "SerializedRequestEntityTooLarge", "Service", "ServiceQuotaExceeded", "SnapStart",
    "SnapStartNotReady", "SnapStartRegenerationFailure", "SnapStartTimeout",
    "SubnetIPAddressLimitReached", "TooManyRequests", "UnsupportedMediaType",
)  # fmt: skip
"""Of Lambda's `Invoke`, without their `Exception`; a test holds that botocore knows no other."""

_NOT_STARTED = (
    "HandlerNotFound", "ImportModuleError", "InvalidEntrypoint", "InvalidTaskConfig",
    "InvalidWorkingDir", "MalformedHandlerName", "UserCodeSyntaxError",
)  # fmt: skip
"""Of the runtime, which found no handler to run."""

TOO_MANY_REQUESTS = "Lambda.TooManyRequestsException"
"""The function, or the whole account, runs as often at once as it may."""

SERVICE_ERRORS = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    TOO_MANY_REQUESTS,
)
"""What AWS advises to repeat, where a repeat costs nothing; some of it may have run:
https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html"""

NEVER_RAN = (
    *(f"Lambda.{name}Exception" for name in _REFUSALS),
    *(f"Runtime.{name}" for name in _NOT_STARTED),
    "States.Permissions",
)
"""By the name that a state has it by. A crash or a timeout is none of these: the provider may have
been called."""
