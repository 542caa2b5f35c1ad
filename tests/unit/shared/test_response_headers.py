from functions.shared.gateway.response_headers import OF_JSON, json_headers


def test_without_an_origin_answers_are_for_our_own_pages():
    assert json_headers(None) == OF_JSON
    assert OF_JSON["Cross-Origin-Resource-Policy"] == "same-origin"


def test_one_origin_may_read_answers_which_differ_by_it():
    told = json_headers("https://app.example.com")
    assert told["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert told["Vary"] == "Origin"
    assert told["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert {"Location", "Retry-After"} <= {*told["Access-Control-Expose-Headers"].split(", ")}
    assert OF_JSON.keys() <= told.keys()


def test_any_origin_may_read_answers_that_are_the_same_for_all():
    told = json_headers("*")
    assert told["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in told
