import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from functions.console.files import FILES
from functions.console.handler import lambda_handler
from functions.shared.errors import HTTP_STATUS
from functions.shared.gateway.response_headers import OF_PAGE
from stacks.compute import pages as bundling
from stacks.compute.pages import console_page

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "functions/console/static"
KEPT = {("Cache-Control", "no-cache")}
"""What an error does not have of a page: it is not kept."""
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))


@pytest.fixture(scope="module", autouse=True)
def bundle():
    return console_page()


def _ask(file=None, *, headers=None):
    return lambda_handler(
        {
            "resource": "/console/{file}" if file else "/console",
            "pathParameters": None if file is None else {"file": file},
            "queryStringParameters": None,
            "headers": headers,
            "requestContext": {"extendedRequestId": "1-2-3="},
        },
        None,
    )


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.elements = []
        self.text_of_scripts = ""
        self.feed((STATIC / "index.html").read_text())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] in ("script", "style"):
            self.text_of_scripts += data.strip()

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


def test_the_page_has_no_name_behind_console():
    response = _ask()
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert response["body"] == (STATIC / "index.html").read_text()


@pytest.mark.parametrize("name", sorted(FILES.keys() - {""}))
def test_every_file_is_served_as_what_it_is(name):
    response = _ask(name)
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"] == f"{kind}; charset=utf-8"
    assert response["body"] == FILES[name].read_text()


def test_the_page_is_three_files_that_ask_for_no_other(bundle):
    assert {str(path.relative_to(ROOT)) for path in FILES.values()} == set(bundle)
    assert len(FILES) == 3
    for name in FILES.keys() - {""}:
        assert not re.search(r"import\b|@import|url\(|https?:", _ask(name)["body"]), name


def test_the_page_is_small():
    # Before the gateway compresses it; with a chart library it was 1,150,000 bytes.
    assert sum(len(_ask(name or None)["body"]) for name in FILES) < 60_000


def test_the_bundle_is_the_same_each_time(bundle):
    before = [path.read_bytes() for path in FILES.values()]
    assert console_page() == bundle
    assert [path.read_bytes() for path in FILES.values()] == before


def test_every_response_fits_into_what_a_function_may_answer():
    assert all(len(json.dumps(_ask(name or None))) < 6_000_000 for name in FILES)


@pytest.mark.parametrize(
    "name",
    [
        "index.html", "nothing.js", "main", "MAIN.JS", "static", ".", "..", "main.js/",
        "../handler.py", "..%2fhandler.py", "../../shared/settings.py", "/etc/passwd",
        "static/main.js", "main.js\x00", "api.js", "kit.css", "decision-chart.js",
    ],
)  # fmt: skip
def test_nothing_outside_the_table_can_be_read(name):
    response = _ask(name)
    body = json.loads(response["body"])
    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "application/json"
    assert body == {
        "success": False,
        "error": {"code": "not_found", "message": "There is no such path."},
        "request_id": "req_1-2-3",
    }


@pytest.mark.parametrize("file", [None, "main.js", "console.css", "nothing.js"])
def test_every_response_keeps_the_page_to_itself(file):
    headers = _ask(file)["headers"]
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert OF_PAGE.items() - headers.items() == (set() if file != "nothing.js" else KEPT)


def test_a_file_is_asked_for_each_time():
    assert {_ask(name or None)["headers"]["Cache-Control"] for name in FILES} == {"no-cache"}


@pytest.mark.parametrize("name", ["If-None-Match", "if-none-match"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
def test_a_file_that_the_browser_has_is_not_sent_again(name, form):
    etag = _ask("main.js")["headers"]["ETag"]
    response = _ask("main.js", headers={name: form.format(etag)})
    assert (response["statusCode"], response["body"]) == (304, "")
    assert response["headers"]["ETag"] == etag


def test_another_file_s_tag_is_not_enough():
    other = _ask("console.css")["headers"]["ETag"]
    assert _ask("main.js", headers={"If-None-Match": other})["statusCode"] == 200
    assert len({_ask(name or None)["headers"]["ETag"] for name in FILES}) == len(FILES)


def test_the_page_refers_to_nothing_but_files_of_the_table():
    page = _Page()
    addresses = [one.get("src") or one.get("href") for one in page.all("script", "link", "img")]
    names = [address.removeprefix("console/").split("?")[0] for address in addresses]
    assert set(names) - {"data:,"} <= FILES.keys()
    assert page.text_of_scripts == ""
    assert not [name for _, one in page.elements for name in one if name.startswith("on")]
    assert not [one for _, one in page.elements if "style" in one]


def test_a_bundler_that_is_not_there_is_said_plainly(tmp_path, monkeypatch):
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="npm ci"):
        console_page()


def test_a_page_that_cannot_be_bundled_is_not_deployed(tmp_path, monkeypatch):
    shutil.copytree(STATIC, tmp_path / "functions/console/static")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "functions/console/static/main.js").write_text('import "./gone.js";')
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    with pytest.raises(RuntimeError, match=r"gone\.js"):
        console_page()
    assert not list((tmp_path / "build/console").iterdir())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_stays_small_and_makes_no_markup(name):
    text = (STATIC / name).read_text()
    assert text.startswith("/** ")
    assert len(text.splitlines()) < 200
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?:", text
    )


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name.startswith("kit-")])
def test_what_both_pages_share_needs_nothing_of_the_console(name):
    imported = re.findall(r'from "([^"]+)"', (STATIC / name).read_text())
    assert [one for one in imported if not one.startswith("./kit-")] == []


def test_the_page_tells_rejected_requests_from_errors_as_the_api_does():
    [codes] = re.findall(
        r"const REJECTED = \[(.*?)\];", (STATIC / "status.js").read_text(), re.DOTALL
    )
    assert set(re.findall(r'"([^"]+)"', codes)) == {
        code for code, status in HTTP_STATUS.items() if status < 500
    }


def test_every_field_has_a_label():
    page = _Page()
    labelled = {one["for"] for one in page.all("label") if "for" in one}
    fields = {one["id"] for one in page.all("input", "select", "textarea")}
    wrapped = {one for one in fields if one.startswith("filter-")} | {"fallback"}
    assert fields - wrapped <= labelled
    identifiers = [one["id"] for _, one in page.elements if "id" in one]
    assert len(identifiers) == len(set(identifiers))


def test_the_handler_starts_without_any_package_of_the_layers():
    script = (
        "import sys, functions.console.handler; "
        "print([name for name in ('pydantic', 'boto3', 'aws_lambda_powertools') if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
