"""Every code that an SDK enumerates is known: one that a later version adds fails here until it is."""

import importlib
import pkgutil
import typing

import anthropic
import botocore.session
import openai
import pytest
from anthropic.types import ErrorType
from anthropic.types.shared.error_details import ErrorDetails
from hypothesis import given
from hypothesis import strategies as st

from functions.invoke_provider.providers import (
    anthropic_errors,
    azure_openai_errors,
    bedrock_errors,
    openai_errors,
)
from functions.invoke_provider.providers.bedrock import engine_error
from functions.invoke_provider.providers.refusals import (
    BY_STATUS,
    IN_AN_ANSWER,
    Refusal,
    refusal_error,
)
from functions.invoke_provider.providers.streams import ErrorInStream
from functions.shared import errors

TABLES = [
    module.ERRORS
    for module in (anthropic_errors, azure_openai_errors, bedrock_errors, openai_errors)
]
NO_INTERFACE_OF_OURS = {
    # Of sessions and of answers that are steered or waited for, which are not asked for.
    "active_turn_not_steerable", "executor_version_incompatible", "invalid_input", "invalid_request",
    "max_output_tokens", "response_already_completed", "response_not_active", "response_not_found",
    "sandbox_error", "steering_not_supported", "successor_creation_failed", "too_many_pending_steers",
}  # fmt: skip
WITH_ERRORS = ("error", ".chat.", ".responses.")
NOT_ASKED_FOR = ("compaction_", "thread_", "file_", "storage_", "skill_", "request_body_encoding_")
"""Features that no request of ours has part in."""
OTHER_APIS = (".organization.", ".beta")
ADMINISTRATION = {
    "concurrent_membership_change",
    "org_member_limit_exceeded",
    "rbac_role_not_found",
}
SAID_BY_THE_STATUS = {"invalid_request_error"}
NOT_OF_MESSAGES = {"memory_precondition_failed_error", "memory_path_conflict_error"}


def literals(annotation):
    found = [annotation] if isinstance(annotation, str) else []
    for part in typing.get_args(annotation):
        found += literals(part)
    return found


def openai_codes():
    """Of every type of the SDK that is named an error and has enumerated codes."""
    codes = {}
    for module in pkgutil.walk_packages(openai.types.__path__, "openai.types."):
        if module.name.endswith("_param") or not any(part in module.name for part in WITH_ERRORS):
            continue
        for name, kind in vars(importlib.import_module(module.name)).items():
            field = getattr(kind, "model_fields", {}).get("code") if "Error" in name else None
            codes |= dict.fromkeys(literals(field.annotation) if field else [], name)
    return codes


def test_the_sdk_still_enumerates_its_codes():
    assert {"bio_policy", "cyber_policy", "image_too_large", "server_error"} <= set(openai_codes())


@pytest.mark.parametrize("table", [openai_errors.ERRORS, azure_openai_errors.ERRORS])
def test_every_code_of_openais_sdk_is_known(table):
    known = {*table.codes, *table.general_codes, *NO_INTERFACE_OF_OURS}
    assert {code: kind for code, kind in openai_codes().items() if code not in known} == {}


def anthropic_codes():
    union, *_ = typing.get_args(ErrorDetails)
    kinds = [kind for kind in typing.get_args(union) if "error_code" in kind.model_fields]
    ours = [kind for kind in kinds if not any(part in kind.__module__ for part in OTHER_APIS)]
    return {code for kind in ours for code in literals(kind.model_fields["error_code"].annotation)}


def test_every_code_and_type_of_anthropics_sdk_is_known():
    table = anthropic_errors.ERRORS
    known = {*table.codes, *table.general_codes, *ADMINISTRATION}
    known |= SAID_BY_THE_STATUS | NOT_OF_MESSAGES
    codes = {code for code in anthropic_codes() if not code.startswith(NOT_ASKED_FOR)}
    assert {"organization_on_hold", "ramp_limit_exceeded"} <= codes
    assert codes | set(literals(ErrorType)) <= known


def subclasses(kind):
    children = kind.__subclasses__()
    return children + [below for child in children for below in subclasses(child)]


@pytest.mark.parametrize("sdk", [anthropic, openai])
def test_every_status_that_an_sdk_has_a_class_for_is_meant(sdk):
    statuses = {vars(kind).get("status_code") for kind in subclasses(sdk.APIStatusError)} - {None}
    # Of these, none is about the request: ProviderUnavailable is right.
    assert statuses - set(BY_STATUS) <= {409, 412, 431, 499, 501, 504}
    assert {400, 401, 403, 404, 422, 429} <= statuses


@pytest.fixture(scope="module")
def service():
    return botocore.session.get_session().get_service_model("bedrock-runtime")


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_every_exception_of_bedrocks_description_is_known(service, operation):
    table = bedrock_errors.ERRORS
    shapes = service.operation_model(operation).error_shapes
    assert len(shapes) > 5
    assert {shape.name for shape in shapes} <= {*table.codes, *table.general_codes}


def test_every_exception_inside_bedrocks_stream_has_a_class(service):
    table = bedrock_errors.ERRORS
    events = service.operation_model("ConverseStream").get_event_stream_output().members
    told = {name: shape for name, shape in events.items() if shape.metadata.get("exception")}
    assert len(told) > 3
    for name, shape in told.items():
        assert name[:1].upper() + name[1:] == shape.name
        error = ErrorInStream(Refusal(IN_AN_ANSWER, (shape.name,), "No.", {}))
        assert type(engine_error(error)) is {**table.codes, **table.general_codes}[shape.name]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.provider)
def test_every_word_of_a_table_means_what_it_says(table):
    for code, kind in {**table.general_codes, **table.codes}.items():
        assert type(refusal_error(Refusal(IN_AN_ANSWER, (code,), "", {}), table)) is kind, code
    for phrase, kind in table.phrases.items():
        assert phrase == phrase.lower()
        error = refusal_error(Refusal(400, (), f"Well: {phrase} ...", {}), table)
        assert type(error) is kind, phrase


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.provider)
@pytest.mark.parametrize("status", [400, 422])
def test_an_unknown_refusal_is_doubted_and_tells_its_reason(table, status):
    for codes in ((), ("never_heard_of",), ("400",)):
        error = refusal_error(Refusal(status, codes, "Well, well.", {}), table)
        assert (type(error), error.reason) == (errors.RequestDoubted, "Well, well.")
        assert error.billed == "none"
        assert "Well" not in str(error)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.provider)
@given(
    status=st.integers(100, 599),
    codes=st.lists(st.none() | st.text() | st.lists(st.text())),
    reason=st.text(),
    value=st.text(),
)
def test_whatever_is_told_has_a_class_and_stays_out_of_the_logs(
    table, status, codes, reason, value
):
    headers = {"retry-after": value, "x-ratelimit-remaining-x": "0", "x-ratelimit-reset-x": value}
    told = f"canary {reason} canary"
    error = refusal_error(Refusal(status, tuple(codes), told, headers, {"details": codes}), table)
    assert "canary" not in str(error)
    assert 0 <= error.retry_after_seconds <= 86_400
