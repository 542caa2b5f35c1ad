"""Each example is run as its reader runs it."""

import sys

import pytest

from local.paths import SCRIPTS
from tests.conftest import PROJECT
from tests.support.client_answers import CITY
from tests.support.client_process import output_of_client

pytestmark = pytest.mark.xdist_group("billed")

EXAMPLES = PROJECT / "examples"
RUN_BY = {".py": [sys.executable], ".mjs": [str(SCRIPTS / "node")], ".sh": ["bash"]}
SAYS = {
    "ai_sdk.mjs": "tokens were written.",
    "curl.sh": "data: [DONE]",
    "langchain_client.py": "It asks for ['get_weather'].\nIt is sunny in Bern.",
    "openai.mjs": "It cost 0.",
    "openai_client.py": " is completed: ",
    "poll_job.py": "It is SUCCEEDED.",
    "pydantic_ai_client.py": f"{CITY['name']} has {CITY['people']} people.",
    "requests_client.py": " USD",
}
SCRIPTS_OF_EXAMPLES = sorted(one.name for one in EXAMPLES.iterdir() if one.suffix in RUN_BY)


@pytest.mark.parametrize("name", SCRIPTS_OF_EXAMPLES)
def test_an_example_runs_and_prints_what_its_reader_understands(billed, name):
    path = EXAMPLES / name
    command = (*RUN_BY[path.suffix], path)
    told = output_of_client(*command, BASE_URL=billed.base_url, API_KEY=billed.api_key)
    assert SAYS[name] in told


def test_each_example_is_described():
    described = (EXAMPLES / "README.md").read_text("utf-8")
    assert len(SCRIPTS_OF_EXAMPLES) == len(SAYS)
    assert all(f"**`{name}`**" in described for name in SCRIPTS_OF_EXAMPLES)
