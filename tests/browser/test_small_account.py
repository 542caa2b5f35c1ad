"""The console in an account that runs three functions at once and refuses the fourth."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("small account")


def test_the_console_loads_whole(small, open_page):
    page = open_page()
    answers = []
    page.on("response", lambda answer: answers.append((answer.url, answer.status)))
    page.goto(f"{small.base_url.removesuffix('/api/v1')}/console")
    page.get_by_label("API key", exact=True).fill(small.api_key)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#realtime .columns")).to_be_visible()
    expect(page.locator("#totals")).not_to_be_empty()
    page.locator("#text").fill("What is a state machine?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#outcome .walk")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(answers) > 5
    assert [answer for answer in answers if answer[1] >= 400] == []
