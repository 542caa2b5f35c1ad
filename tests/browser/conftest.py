"""One headless Chromium for the tests of pages; no page may complain or ask another host."""

import shutil
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import running_stack

NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
)  # fmt: skip
"""The first one opens a page at a third of what it costs the others, which draw a window around it."""
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# What Chromium itself logs of every answer over 399, which a test may have asked for.
REFUSED = "Failed to load resource"
# The stack's; an address like data: has no host.
HOSTS = {"127.0.0.1", None}

# No test is of how quick a page is on a machine that does other things, too.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def stack():
    """Of the pages alone: neither they nor the tests of the shared one wait for each other."""
    with running_stack() as running:
        yield running


# Not for the session: while it is open, no other test of the process can run an event loop.
@pytest.fixture(scope="package")
def browser():
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail(f"These tests need a browser: install one of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Opens pages, each of its own profile.

    The test fails at its end if one had errors on its console or in its scripts, or asked anything
    of another host than the stack's.
    """
    contexts, complaints = [], []

    def logged(message):
        if message.type == "error" and not message.text.startswith(REFUSED):
            complaints.append(message.text)

    def asked(request):
        if urlsplit(request.url).hostname not in HOSTS:
            complaints.append(f"asked {request.url}")

    def opened(url="about:blank", width=1440, height=900, color_scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=color_scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", logged)
        page.on("request", asked)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page):
    return open_page()
