"""What `up` reads from the environment, and the environments that its processes get."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from functions.shared.simulation import (
    FAULTS_VARIABLE,
    LATENCY_VARIABLE,
    faults_in,
    of_the_catalogue,
)
from functions.shared.token_issuer import TokenIssuer
from functions.shared.vocabulary import CorsOrigin
from local.paths import SCRIPTS
from stacks.extra_providers import ExtraProvider, check_extra_providers

REGION = "us-east-1"
ACCOUNT = "000000000000"
STAGE = "local"
DEFAULT_API_KEY = "dev-key-123"
# Per provider with a key: the variables of its key and of its address.
PROVIDER_VARIABLES = {
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "azure_openai": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "gemini": ("GEMINI_API_KEY", "GEMINI_BASE_URL"),
}
EXTRA_PROVIDERS = "EXTRA_PROVIDERS"
KEYLESS = "none"
"""For a server that asks for no key: the SDK sends none that is empty."""
PLAN_VARIABLES = ("REQUESTS_PER_SECOND", "BURST_REQUESTS", "REQUESTS_PER_DAY")
STAGE_MONTH_USD = "STAGE_MONTH_USD"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_AMOUNT = re.compile(r"\d+(\.\d+)?", re.ASCII)
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

# Provider keys and AWS settings of the caller's shell must not reach the functions.
_KEPT = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy",
    "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS", "LOCAL_WORKERS_PER_FUNCTION", "LOCAL_QUOTAS",
)  # fmt: skip
_LOOPBACK = "127.0.0.1,localhost"
_CONCURRENCY = "ACCOUNT_CONCURRENCY"
_JWT, _COGNITO = "JWT", "AUTH_COGNITO"
_CORS = "CORS_ALLOW_ORIGIN"
_CORS_ORIGIN: TypeAdapter[str | None] = TypeAdapter(CorsOrigin | None)


@dataclass(frozen=True)
class Settings:
    """The environment variables of the README."""

    api_keys: tuple[str, ...]
    mock_providers: str
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Per provider that has one: what goes into its secret."""
    extra_providers: tuple[Mapping[str, Any], ...] = ()
    """As a stage's configuration has them."""
    bedrock_enabled: bool = False
    bedrock_endpoint_url: str | None = None
    """Where Bedrock's functions call it; the emulator's own Bedrock by default."""
    bedrock_stream: bool = True
    """Whether Bedrock is asked for streams, which not every stand-in knows."""
    operator_api_keys: tuple[str, ...] = ()
    """Keys that see the requests of all keys."""
    standard_plan: Mapping[str, str] = field(default_factory=dict)
    """What the usage plan of `api_keys` grants, where it differs from the stage's."""
    month_usd: str | None = None
    """What all callers together may spend in a month."""
    log_level: str | None = None
    log_prompts: bool = False
    simulator_latency: bool = False
    simulator_faults: str | None = None
    """The JSON text of `functions.shared.simulation`, which holds it to be true."""
    jwt: str | None = None
    """The JSON text of whose tokens count beside the keys, as a stage's configuration has it."""
    auth_cognito: bool = False
    """Make a pool of users on the local AWS, whose tokens count."""
    cors_allow_origin: str | None = None
    """Whose pages may call the API, as a stage's configuration has it."""
    account_concurrency: int = 0
    """How many functions run at once in the whole account; 0 is no limit."""

    @property
    def context(self) -> dict[str, str]:
        """The CDK app's context values."""
        built_in = (name for name in self.secrets if name in PROVIDER_VARIABLES)
        keyless = ("bedrock",) if self.bedrock_enabled else ()
        endpoint = self.bedrock_endpoint_url
        unstreamed = {} if self.bedrock_stream else {"unstreamed_providers": "bedrock"}
        return {
            "stage": STAGE,
            "providers": ",".join((*built_in, *keyless)),
            "mock_providers": self.mock_providers,
            **({"extra_providers": json.dumps(extra)} if (extra := self.extra_providers) else {}),
            **self.standard_plan,
            **({"month_usd": month} if (month := self.month_usd) else {}),
            **({"log_level": self.log_level} if self.log_level else {}),
            **({"log_prompts": "true"} if self.log_prompts else {}),
            **({"simulator_latency": "true"} if self.simulator_latency else {}),
            **({"simulator_faults": self.simulator_faults} if self.simulator_faults else {}),
            **({"bedrock_endpoint_url": endpoint} if endpoint else {}),
            **({"jwt": self.jwt} if self.jwt else {}),
            **({"cors_allow_origin": origin} if (origin := self.cors_allow_origin) else {}),
            **unstreamed,
        }

    def auth_at(self, emulator_url: str) -> dict[str, str]:
        """A context value for the CDK app: the local AWS has the keys of its pools at its own address."""
        told = {"cognito": True, "cognito_endpoint_url": emulator_url}
        return {"auth": json.dumps(told)} if self.auth_cognito else {}

    def secret_text(self, provider: str) -> str:
        """The JSON text of a provider's secret."""
        return json.dumps(self.secrets[provider])


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as unset. Raises ValueError."""
    mock_providers = environment.get("MOCK_PROVIDERS") or "auto"
    if mock_providers not in {"auto", "never", "always"}:
        raise ValueError(f"MOCK_PROVIDERS is {mock_providers!r}; set auto, never or always")
    api_keys = _listed(environment.get("API_KEYS") or DEFAULT_API_KEY)
    if not api_keys:
        raise ValueError("API_KEYS names no key; unset it, or list keys separated by commas")
    operator_api_keys = _listed(environment.get("OPERATOR_API_KEYS") or "")
    if both := set(api_keys) & set(operator_api_keys):
        raise ValueError(f"{len(both)} of OPERATOR_API_KEYS are in API_KEYS, too; each is in one")
    extra = _extra_providers(environment)
    bedrock_endpoint_url = environment.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") or None
    jwt, auth_cognito = _jwt(environment), _is_on(environment, _COGNITO)
    if jwt and auth_cognito:
        raise ValueError(f"{_JWT} and {_COGNITO} are both set; tokens have one issuer")
    return Settings(
        api_keys,
        mock_providers,
        secrets=_secrets(environment) | {name: told[1] for name, told in extra.items()},
        extra_providers=tuple(told[0] for told in extra.values()),
        bedrock_enabled=_is_on(environment, "BEDROCK_ENABLED"),
        bedrock_endpoint_url=bedrock_endpoint_url,
        # What stands in for Bedrock need not know streams.
        bedrock_stream=_is_on(environment, "BEDROCK_STREAM", unset=not bedrock_endpoint_url),
        operator_api_keys=operator_api_keys,
        standard_plan=_whole_numbers(environment, *PLAN_VARIABLES),
        month_usd=_amount(environment, STAGE_MONTH_USD),
        log_level=_log_level(environment),
        log_prompts=_is_on(environment, "LOG_PROMPTS"),
        simulator_latency=_is_on(environment, LATENCY_VARIABLE),
        simulator_faults=_faults(environment),
        jwt=jwt,
        auth_cognito=auth_cognito,
        cors_allow_origin=_cors_allow_origin(environment),
        account_concurrency=int(
            _whole_numbers(environment, _CONCURRENCY).get(_CONCURRENCY.lower(), 0)
        ),
    )


def _log_level(environment: Mapping[str, str]) -> str | None:
    level = environment.get("LOG_LEVEL") or None
    if level and level.upper() not in LOG_LEVELS:
        raise ValueError(f"LOG_LEVEL is {level!r}; set one of {', '.join(LOG_LEVELS)}")
    return level and level.upper()


def _cors_allow_origin(environment: Mapping[str, str]) -> str | None:
    origin = environment.get(_CORS) or None
    try:
        return _CORS_ORIGIN.validate_python(origin)
    except ValidationError:
        told = f"{_CORS} is {origin!r}; set an origin such as http://localhost:3000, or *"
        raise ValueError(told) from None


def _jwt(environment: Mapping[str, str]) -> str | None:
    text = environment.get(_JWT) or None
    try:
        return text and TokenIssuer.model_validate_json(text).model_dump_json(exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, (_JWT, *first['loc'])))}: {first['msg']}") from None


def _faults(environment: Mapping[str, str]) -> str | None:
    text = environment.get(FAULTS_VARIABLE) or ""
    try:
        of_the_catalogue(faults_in(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, (FAULTS_VARIABLE, *first["loc"])))
        raise ValueError(f"{where}: {first['msg']}") from None
    except ValueError as error:
        raise ValueError(f"{FAULTS_VARIABLE}: {error}") from None
    return text or None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _whole_numbers(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    given = {name.lower(): environment[name] for name in names if environment.get(name)}
    for name, value in given.items():
        if not (value.isascii() and value.isdecimal() and int(value) > 0):
            raise ValueError(f"{name.upper()} is {value!r}; set a whole number above 0")
    return given


def _amount(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name) or None
    if text and not _AMOUNT.fullmatch(text):
        raise ValueError(f"{name} is {text!r}; set an amount in USD, such as 25 or 0.5")
    return text


def _secrets(environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    secrets = {}
    for provider, (key_name, address_name) in PROVIDER_VARIABLES.items():
        api_key, base_url = environment.get(key_name), environment.get(address_name)
        if provider == "azure_openai" and bool(api_key) != bool(base_url):
            given, missing = (key_name, address_name) if api_key else (address_name, key_name)
            raise ValueError(f"{given} is set without {missing}; Azure OpenAI needs both")
        if api_key:
            secrets[provider] = {"api_key": api_key}
            if base_url:
                secrets[provider]["base_url"] = base_url
    return secrets


def _extra_providers(
    environment: Mapping[str, str],
) -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Each as a stage's configuration has it, and what goes into its secret. Raises ValueError with the
    way to the field that is at fault."""
    path = environment.get(EXTRA_PROVIDERS)
    if not path:
        return {}
    try:
        listed = json.loads(Path(path).read_text("utf-8"))
        told = _LOCAL_PROVIDERS.validate_python(listed)
        check_extra_providers(told, locally=True)
    except (OSError, ValueError) as error:
        raise ValueError(f"{EXTRA_PROVIDERS} names {path}: {error}") from None
    return {
        one.name: (
            {name: value for name, value in given.items() if name not in _ONLY_LOCALLY},
            {"api_key": one.key_in(environment)},
        )
        for one, given in zip(told, listed, strict=True)
    }


class LocalProvider(ExtraProvider):
    """With its key instead of a secret's name: as such, or as the name of a variable that holds it."""

    secret: None = None
    api_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    api_key_variable: str | None = None

    def key_in(self, environment: Mapping[str, str]) -> str:
        """Raises ValueError where the variable is not set."""
        if self.api_key_variable is None:
            return self.api_key.get_secret_value() if self.api_key else KEYLESS
        if not (key := environment.get(self.api_key_variable)):
            raise ValueError(f"{self.api_key_variable} is not set; {self.name} needs its key")
        return key


_ONLY_LOCALLY = ("secret", "api_key", "api_key_variable")
_LOCAL_PROVIDERS = TypeAdapter(tuple[LocalProvider, ...])


def _is_on(environment: Mapping[str, str], name: str, *, unset: bool = False) -> bool:
    value = environment.get(name)
    if not value:
        return unset
    try:
        return _SWITCH[value.lower()]
    except KeyError:
        raise ValueError(f"{name} is {value!r}; set 1, true or yes, or 0, false or no") from None


def tool_environment(emulator_url: str) -> dict[str, str]:
    """For the CDK, the emulator and its functions: dummy credentials, nothing of the caller's."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join((str(SCRIPTS), kept.get("PATH", os.defpath))),
        "NO_PROXY": _LOOPBACK,
        "no_proxy": _LOOPBACK,
        "AWS_ENDPOINT_URL": emulator_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "1",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
        "PYTHONUTF8": "1",
    }
