import os
import platform
import socket
from datetime import date
from typing import Any

from bench import computer


def test_a_machine_is_described_without_what_tells_whose_it_is():
    told: Any = computer.description()
    assert list(told) == ["date", "cpu", "cores", "memory_gib", "python", "system"]
    assert told["cores"] == os.cpu_count()
    assert told["python"] == platform.python_version()
    assert told["memory_gib"] > 0
    assert date.fromisoformat(told["date"])
    texts = " ".join(map(str, told.values()))
    assert socket.gethostname() not in texts
    assert "/" not in texts


def test_a_processor_is_named_by_its_model(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: A Processor 9000\nmodel name\t: Another\n")
    monkeypatch.setattr(computer, "_CPU_INFO", file)
    assert computer.description()["cpu"] == "A Processor 9000"


def test_a_system_that_has_no_such_file_still_names_its_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(computer, "_CPU_INFO", tmp_path / "none")
    assert computer.description()["cpu"]
