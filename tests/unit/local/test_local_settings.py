import json

import pytest

from local.settings import read_settings, tool_environment


def test_without_variables_there_is_one_key_and_no_provider():
    settings = read_settings({})
    assert settings.context == {
        "stage": "local",
        "providers": "",
        "mock_providers": "auto",
    }
    assert settings.api_keys == ("dev-key-123",)


def test_a_provider_counts_as_configured_when_it_has_a_key():
    settings = read_settings(
        {
            "API_KEYS": " one, two,one,",
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "ANTHROPIC_API_KEY": "",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        }
    )
    assert settings.api_keys == ("one", "two")
    assert settings.secrets == {"openai": {"api_key": "sk-1", "base_url": "http://127.0.0.1:9/v1"}}
    assert settings.context["providers"] == "openai"


def test_provider_keys_appear_neither_in_the_context_nor_when_printed():
    settings = read_settings({"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in f"{settings} {settings.context}"


def test_azures_endpoint_is_what_its_key_opens():
    settings = read_settings(
        {"AZURE_OPENAI_API_KEY": "az-1", "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com"}
    )
    assert settings.secrets == {
        "azure_openai": {"api_key": "az-1", "base_url": "https://mine.openai.azure.com"}
    }
    assert settings.context["providers"] == "azure_openai"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
        ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"),
    ],
)
def test_half_of_azures_settings_is_refused(given, missing):
    with pytest.raises(ValueError, match=f"{given} is set without {missing}"):
        read_settings({given: "x", missing: ""})


@pytest.mark.parametrize(
    ("value", "providers"),
    [("1", "bedrock"), ("TRUE", "bedrock"), ("yes", "bedrock"), ("0", ""), ("no", ""), ("", "")],
)
def test_bedrock_needs_no_key_but_a_switch(value, providers):
    settings = read_settings({"BEDROCK_ENABLED": value})
    assert settings.context["providers"] == providers
    assert settings.secrets == {}


def test_every_provider_can_be_configured_at_once():
    settings = read_settings(
        {
            "ANTHROPIC_API_KEY": "a",
            "OPENAI_API_KEY": "o",
            "AZURE_OPENAI_API_KEY": "z",
            "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com",
            "BEDROCK_ENABLED": "1",
        }
    )
    assert settings.context["providers"] == "openai,azure_openai,anthropic,bedrock"


def test_bedrocks_endpoint_reaches_the_app_only_when_it_is_set():
    settings = read_settings({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9"})
    assert settings.context["bedrock_endpoint_url"] == "http://127.0.0.1:9"
    empty = read_settings({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": ""})
    assert "bedrock_endpoint_url" not in empty.context


@pytest.mark.parametrize("origin", ["*", "https://app.example.com", "http://localhost:3000"])
def test_an_origin_whose_pages_are_let_in_reaches_the_app(origin):
    assert read_settings({"CORS_ALLOW_ORIGIN": origin}).context["cors_allow_origin"] == origin
    assert "cors_allow_origin" not in read_settings({"CORS_ALLOW_ORIGIN": ""}).context


@pytest.mark.parametrize(
    "text",
    ["app.example.com", "https://a.example/", "https://a.example https://b.example", "null", "'"],
)
def test_what_is_no_origin_is_refused_by_its_variable(text):
    with pytest.raises(ValueError, match="CORS_ALLOW_ORIGIN is "):
        read_settings({"CORS_ALLOW_ORIGIN": text})


@pytest.mark.parametrize(
    ("variables", "streamed"),
    [
        ({}, True),
        ({"BEDROCK_STREAM": "0"}, False),
        ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9"}, False),
        ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:9", "BEDROCK_STREAM": "1"}, True),
    ],
)
def test_what_stands_in_for_bedrock_is_asked_for_streams_only_where_it_knows_them(
    variables, streamed
):
    told = read_settings(variables).context.get("unstreamed_providers")
    assert told == (None if streamed else "bedrock")


@pytest.mark.parametrize(
    "variables",
    [
        {"MOCK_PROVIDERS": "maybe"},
        {"API_KEYS": " , "},
        {"BEDROCK_ENABLED": "maybe"},
        {"OPERATOR_API_KEYS": "b,a", "API_KEYS": "a"},
        *({"REQUESTS_PER_SECOND": value} for value in ("0", "-1", "1.5", "many", "²")),
    ],
)
def test_a_value_that_means_nothing_is_refused(variables):
    with pytest.raises(ValueError, match=next(iter(variables))):
        read_settings(variables)


def test_what_a_plan_grants_reaches_the_app_and_no_key_does():
    assert "requests_per_second" not in read_settings({}).context
    settings = read_settings({"OPERATOR_API_KEYS": "o-1, p", "REQUESTS_PER_SECOND": "5"})
    assert settings.operator_api_keys == ("o-1", "p")
    assert settings.context["requests_per_second"] == "5"
    assert "o-1" not in str(settings.context)


def test_the_callers_keys_and_aws_settings_reach_no_process(monkeypatch):
    for name in (
        *("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        *("AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH"),
    ):
        monkeypatch.setenv(name, "the-caller's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-caller's")
    assert "the-caller's" not in tool_environment("http://127.0.0.1:1").values()


def test_what_is_logged_and_how_many_functions_run_at_once_may_be_set():
    told = {"LOG_LEVEL": "debug", "LOG_PROMPTS": "true", "ACCOUNT_CONCURRENCY": "3"}
    settings = read_settings(told)
    assert settings.context["log_level"] == "DEBUG"
    assert settings.context["log_prompts"] == "true"
    assert settings.account_concurrency == 3
    assert read_settings({}).account_concurrency == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOG_LEVEL", "LOUD"), ("ACCOUNT_CONCURRENCY", "0"), ("ACCOUNT_CONCURRENCY", "many")],
)
def test_a_level_or_a_number_that_is_none_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        read_settings({name: value})


def test_what_all_callers_may_spend_in_a_month_reaches_the_app():
    assert "month_usd" not in read_settings({}).context
    assert read_settings({"STAGE_MONTH_USD": "0.25"}).context["month_usd"] == "0.25"


@pytest.mark.parametrize("amount", ["-1", "many", "1e3", "0.", "²"])
def test_a_month_of_no_amount_is_refused_by_name(amount):
    with pytest.raises(ValueError, match="STAGE_MONTH_USD"):
        read_settings({"STAGE_MONTH_USD": amount})


@pytest.fixture
def extra(tmp_path):
    file = tmp_path / "extra.json"

    def told(**changes):
        model = {"id": "llama3.2", "context_window": 8_192}
        address = "http://127.0.0.1:11434/v1"
        provider = {"name": "ollama", "base_url": address, "models": [model]} | changes
        file.write_text(json.dumps([provider]), "utf-8")
        return {"EXTRA_PROVIDERS": str(file)}

    return told


@pytest.mark.parametrize(
    ("told", "key"),
    [({}, "none"), ({"api_key": "sk-1"}, "sk-1"), ({"api_key_variable": "OLLAMA_KEY"}, "sk-2")],
)
def test_a_file_names_further_providers_whose_keys_stay_out_of_the_context(extra, told, key):
    settings = read_settings(extra(**told) | {"OLLAMA_KEY": "sk-2"})
    assert settings.secrets == {"ollama": {"api_key": key}}
    [provider] = json.loads(settings.context["extra_providers"])
    assert provider.keys() == {"name", "base_url", "models"}
    assert settings.context["providers"] == ""
    assert "sk-" not in f"{settings} {settings.context}"


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"name": "openai"}, "openai is built in"),
        ({"base_url": "127.0.0.1"}, "base_url"),
        ({"models": [{"id": "gpt-4o", "context_window": 1}]}, "there is a gpt-4o already"),
        ({"secret": "a-name"}, "secret"),
        ({"api_key_variable": "UNSET_KEY"}, "UNSET_KEY is not set"),
        ({"modles": []}, "modles"),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused_by_its_place(extra, told, problem):
    with pytest.raises(ValueError, match=problem):
        read_settings(extra(**told))


@pytest.mark.parametrize("text", ["{", "7", None])
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path, text):
    file = tmp_path / "none.json"
    if text:
        file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"EXTRA_PROVIDERS names .*none\.json"):
        read_settings({"EXTRA_PROVIDERS": str(file)})


def test_gemini_has_a_key_and_an_address_like_the_others():
    settings = read_settings({"GEMINI_API_KEY": "g", "GEMINI_BASE_URL": "http://127.0.0.1:9"})
    assert settings.secrets == {"gemini": {"api_key": "g", "base_url": "http://127.0.0.1:9"}}
    assert settings.context["providers"] == "gemini"


def test_the_simulator_is_told_how_long_to_take_and_what_to_fail_at():
    faults = '{"gpt-4o": "throttled", "anthropic": {"fault": "cut", "share": 0.2}, "*": "ProviderTimeout"}'
    settings = read_settings({"SIMULATOR_LATENCY": "1", "SIMULATOR_FAULTS": faults})
    assert settings.context["simulator_latency"] == "true"
    assert settings.context["simulator_faults"] == faults


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        ("{", "SIMULATOR_FAULTS: Invalid JSON"),
        ("[]", "SIMULATOR_FAULTS: Input should be a valid dictionary"),
        ('{"gpt-99": "cut"}', "SIMULATOR_FAULTS: gpt-99 is no model, no provider and not [*]"),
        ('{"gpt-4o": "slow"}', "SIMULATOR_FAULTS.gpt-4o.fault: .* one of throttled, overloaded"),
        ('{"gpt-4o": 3}', "SIMULATOR_FAULTS.gpt-4o: "),
        ('{"*": {"fault": "cut", "share": 2}}', "SIMULATOR_FAULTS.[*].share: "),
        ('{"*": {"fault": "cut", "share": "all"}}', "SIMULATOR_FAULTS.[*].share: "),
        ('{"*": {"fault": "cut", "wait_seconds": -1}}', "SIMULATOR_FAULTS.[*].wait_seconds: "),
        ('{"*": {"fault": "cut", "often": 1}}', "SIMULATOR_FAULTS.[*].often: "),
        ('{"*": {"share": 1}}', "SIMULATOR_FAULTS.[*].fault: Field required"),
    ],
)
def test_a_fault_that_is_none_is_refused_by_the_name_of_its_field(faults, problem):
    with pytest.raises(ValueError, match=problem):
        read_settings({"SIMULATOR_FAULTS": faults})


JWT = {"issuer": "http://127.0.0.1:9", "audience": "the-gateway"}


def test_an_issuer_of_tokens_reaches_the_app_as_a_stage_has_it():
    context = read_settings({"JWT": json.dumps(JWT)}).context
    assert json.loads(context["jwt"]).items() >= JWT.items()
    assert "jwt" not in read_settings({"JWT": ""}).context


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ("{", "JWT: "),
        ('{"issuer": "https://issuer.example"}', "JWT.audience: "),
        (json.dumps({**JWT, "algorithms": ["HS256"]}), "JWT.algorithms.0: "),
        (json.dumps({**JWT, "algorithm": "RS256"}), "JWT.algorithm: "),
    ],
)
def test_an_issuer_that_is_none_is_refused_by_its_field(told, field):
    with pytest.raises(ValueError, match=field):
        read_settings({"JWT": told})


def test_the_keys_of_a_local_pool_are_at_the_local_aws():
    settings = read_settings({"AUTH_COGNITO": "1"})
    assert json.loads(settings.auth_at("http://127.0.0.1:9")["auth"]) == {
        "cognito": True,
        "cognito_endpoint_url": "http://127.0.0.1:9",
    }
    assert read_settings({}).auth_at("http://127.0.0.1:9") == {}


def test_two_issuers_are_refused():
    with pytest.raises(ValueError, match="JWT and AUTH_COGNITO"):
        read_settings({"AUTH_COGNITO": "1", "JWT": json.dumps(JWT)})
