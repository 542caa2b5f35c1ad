from bench.start_up import imports
from stacks.compute.function_table import PROVIDER_FUNCTIONS


def test_every_function_is_imported_and_a_providers_as_its_environment_says():
    found = imports()
    assert {
        "Classify",
        "Score",
        "RecordMetrics",
        "Route",
        "Api",
        "Authorize",
        "Tally",
    } <= found.keys()
    providers = {one.variables["PROVIDER"] for one in found.values() if one.variables}
    assert providers == {row.provider for row in PROVIDER_FUNCTIONS}
    assert all(one.module.endswith(".handler") for one in found.values())
