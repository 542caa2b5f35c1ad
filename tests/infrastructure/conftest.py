import pytest

from tests.support.synthesized import Stage, synthesized


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return synthesized("prod", tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return synthesized(
        "local",
        tmp_path_factory.mktemp("local"),
        providers="openai,bedrock",
        bedrock_endpoint_url="http://127.0.0.1:9",
        unstreamed_providers="bedrock",
        silence={"between_tokens_s": 7},
        shadow_policy="default",
        price_factors={"azure_openai": "1.1"},
        log_prompts="true",
    )
