import os
import subprocess
import sys

import pytest

from local import state
from local.state import StackState, forget_state, is_ours, read_state, write_state


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    monkeypatch.setattr(state, "folder_of", lambda _port: tmp_path)


def test_a_port_without_a_file_is_stopped():
    assert read_state(1).public == {
        "base_url": "http://127.0.0.1:1",
        "api_key": "",
        "emulator_url": "",
        "state": "stopped",
    }


def test_a_stack_is_read_back_as_long_as_its_emulator_lives():
    command = [sys.executable, "-c", "input()", "local.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as emulator:
        known = StackState(1, "key", "http://127.0.0.1:2", "ready", os.getpid(), emulator.pid)
        write_state(known)
        assert read_state(1) == known
        emulator.kill()
    assert read_state(1) == StackState(1)


def test_a_process_id_that_somebody_else_has_now_is_not_ours():
    write_state(StackState(1, "key", "", "ready", 0, os.getpid()))
    assert read_state(1).state == "stopped"
    assert not is_ours(os.getpid(), "local.server")


def test_a_damaged_file_counts_as_none(tmp_path):
    (tmp_path / "state.json").write_text('{"port": ')
    assert read_state(1) == StackState(1)
    forget_state(1)
    assert not (tmp_path / "state.json").exists()
