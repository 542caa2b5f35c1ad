import pytest

from bench import processes


@pytest.fixture
def proc(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(processes, "_TICKS_A_SECOND", 100)
    (tmp_path / "meminfo").touch()

    def put(number, parent, ticks, command="python"):
        folder = tmp_path / str(number)
        folder.mkdir()
        fields = ["S", parent, *[0] * 9, *ticks, 20, 0]
        (folder / "stat").write_text(f"{number} (a) name) {' '.join(map(str, fields))}")
        (folder / "cmdline").write_text(command)

    return put


def test_all_that_descends_from_a_process_counts_and_nothing_else(proc):
    proc(10, 1, (100, 20, 3, 2))
    proc(11, 10, (50, 0, 0, 0))
    proc(12, 11, (25, 0, 0, 0))
    proc(20, 1, (9_999, 0, 0, 0))
    assert processes.cpu_s(10) == 2.0


def test_a_stand_in_does_not_count_nor_what_it_starts(proc):
    proc(10, 1, (100, 0, 0, 0))
    proc(11, 10, (50, 0, 0, 0), "node\0query_engine.js\0-p")
    proc(12, 11, (25, 0, 0, 0))
    assert processes.cpu_s(10, leaving_out="query_engine.js") == 1.0


def test_who_waits_in_vain_is_told_for_what():
    with pytest.raises(RuntimeError, match="the proxy did not come"):
        processes.wait_until(lambda: False, 0, "the proxy")
