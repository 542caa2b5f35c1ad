import pytest

from local.env_file import with_env_file


@pytest.fixture
def file(tmp_path):
    return tmp_path / "settings.env"


def read(file, **environment):
    told = with_env_file({"ENV_FILE": str(file)} | environment)
    del told["ENV_FILE"]
    return told


def test_its_lines_are_variables_and_the_shells_win(file):
    file.write_text(
        "# keys\nOPENAI_API_KEY=sk-1\nexport API_KEYS='a,b'\n\nMOCK_PROVIDERS=\"never\"  # none\nEMPTY=\n"
    )
    assert read(file, OPENAI_API_KEY="sk-2") == {
        "OPENAI_API_KEY": "sk-2",
        "API_KEYS": "a,b",
        "MOCK_PROVIDERS": "never",
        "EMPTY": "",
    }


@pytest.mark.parametrize("line", ["sk-secret", "export", "=x", "A B=c", "'unfinished"])
def test_a_line_that_is_none_is_told_by_its_number_alone(file, line):
    file.write_text(f"A=1\n{line}\n")
    with pytest.raises(ValueError, match=r"^settings\.env line 2 is no NAME=value$"):
        read(file)


def test_a_stack_needs_no_file_and_can_do_without_one_that_is_there(tmp_path):
    assert read(tmp_path / "none.env", A="1") == {"A": "1"}
    assert with_env_file({"ENV_FILE": ""}) == {"ENV_FILE": ""}
