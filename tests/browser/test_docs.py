import pytest
import requests
from playwright.sync_api import expect

from tests.support.page_look import FAINT_TEXTS, OVERFLOW

pytestmark = pytest.mark.xdist_group("pages")

WIDTHS = (1440, 400)


@pytest.fixture
def document(stack):
    return requests.get(f"{stack.base_url}/openapi.json", timeout=30).json()


@pytest.fixture
def open_docs(stack, open_page):
    """`violations` are what the page's policy kept it from, beside what `open_page` complains of."""

    def opened(**options):
        page = open_page(**options)
        page.add_init_script(
            "window.violations = [];"
            "addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective))"
        )
        page.goto(f"{stack.base_url}/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        return page

    return opened


def _opened(page, path, method):
    block = page.locator(f'.opblock-{method.lower()}:has([data-path="{path}"])')
    block.locator(".opblock-summary-control").click()
    expect(block.locator(".opblock-body .responses-wrapper")).to_be_visible()
    return block


def test_every_operation_of_the_document_is_listed(open_docs, document):
    page = open_docs()
    wanted = {(verb.upper(), path) for path, item in document["paths"].items() for verb in item}
    blocks = page.locator(".opblock-summary")
    shown = blocks.evaluate_all(
        """blocks => blocks.map((one) => [
            one.querySelector(".opblock-summary-method").textContent,
            one.querySelector("[data-path]").dataset.path,
        ])"""
    )
    assert {tuple(one) for one in shown} == wanted
    assert len(shown) == len(wanted)
    assert page.evaluate("violations") == []


def test_a_request_is_tried_out_with_the_key_that_was_typed_in(open_docs, stack):
    page = open_docs()
    page.locator(".btn.authorize").click()
    dialog = page.locator(".modal-ux")
    dialog.locator("input").first.fill(stack.api_key)
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").first.click()
    block = _opened(page, "/generate", "POST")
    block.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda response: response.url.endswith("/api/v1/generate")) as sent:
        block.get_by_role("button", name="Execute").click()
    assert sent.value.status == 200
    assert sent.value.request.headers["x-api-key"] == stack.api_key
    answered = block.locator(".live-responses-table .response-col_status")
    expect(answered.last).to_contain_text("200")
    assert page.evaluate("violations") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_docs_fit_the_window_and_can_be_read(open_docs, scheme, width):
    page = open_docs(width=width, color_scheme=scheme)
    for path, method in (("/generate", "POST"), ("/jobs/{execution_id}", "DELETE")):
        _opened(page, path, method)
        assert page.evaluate(OVERFLOW) == 0
        assert page.evaluate(FAINT_TEXTS) == []
    red, green, blue = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        if scheme == "dark"
        else "[255, 255, 255]"
    )
    assert (max(red, green, blue) < 64) is (scheme == "dark")


def test_the_page_follows_the_browser_from_light_to_dark(open_docs):
    page = open_docs(color_scheme="light")
    root = page.locator("html")
    expect(root).not_to_have_class("dark-mode")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_class("dark-mode")
