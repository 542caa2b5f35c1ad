import re

import pytest

from tests.conftest import PROJECT

LOCKED = ("locked.txt", "locked-dev.txt", "locked-clients.txt", "locked-peers.txt")
DIRECT = tuple(name.replace("locked", "requirements") for name in LOCKED)


def pinned(name):
    """By package: its version and the lines below it."""
    text = (PROJECT / name).read_text("utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[.*\])?==([\w.]+)(.*(?:\n +--hash=.*)*)", text, re.M)
    return {package: (version, rest) for package, version, rest in found}


@pytest.mark.parametrize("name", LOCKED)
def test_every_locked_package_has_hashes(name):
    text = (PROJECT / name).read_text("utf-8")
    packages = re.findall(r"^[\w.-]+(?:\[.*\])?==.*(?:\n +--hash=.*)*", text, re.M)
    assert len(packages) == sum("==" in line for line in text.splitlines()) > 50
    assert all("--hash=sha256:" in one for one in packages)


@pytest.mark.parametrize(("direct", "locked"), zip(DIRECT, LOCKED, strict=True))
def test_what_is_asked_for_is_what_is_locked(direct, locked):
    versions = {package: version for package, (version, _) in pinned(locked).items()}
    asked = {package: version for package, (version, _) in pinned(direct).items()}
    assert asked == {package: versions.get(package) for package in asked}
    assert len(asked) > 1


def test_the_checks_run_with_the_files_that_the_engine_runs_with():
    run, dev = (pinned(name) for name in LOCKED[:2])
    assert run == {package: dev.get(package) for package in run}


@pytest.mark.parametrize("name", [*LOCKED, *DIRECT])
def test_no_list_of_packages_names_a_place_to_get_them_from(name):
    assert not re.search("://|--.*index|find-links|@ ", (PROJECT / name).read_text("utf-8"))


def test_make_installs_nothing_without_its_hash():
    text = (PROJECT / "Makefile").read_text("utf-8")
    installing = [line for line in text.splitlines() if "pip install" in line]
    # The engine's files, uv, and by either of them the files of the checks and of the clients.
    assert len(installing) == 4
    assert all("--require-hashes" in line for line in installing)
