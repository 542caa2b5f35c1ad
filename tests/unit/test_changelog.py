import re
import tomllib

from tests.conftest import PROJECT


def test_the_newest_version_of_the_changelog_is_the_packages() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    headings = re.findall(r"^## (\S+) ", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[0] == project["version"]
