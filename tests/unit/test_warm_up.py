"""What is done behind the first page, step by step."""

from types import SimpleNamespace

from core.errors import DocumentError, ServerError
from core.settings import Settings
from core.types import IndexReport
from launch import warm_up


def parts_of(done, settings, broken):
    def step(name, gives=None):
        def take(*_):
            done.append(name)
            if name in broken:
                raise broken[name]
            return gives

        return take

    return SimpleNamespace(
        settings=settings,
        store=None,
        retriever=SimpleNamespace(index=step("index", IndexReport()), search=step("search")),
        model=SimpleNamespace(load=step("load")),
        forgetting=SimpleNamespace(purge=step("purge")),
    )


def test_a_server_that_is_gone_at_the_start_keeps_nothing_else_from_being_made_ready(capsys):
    done = []
    gone = {"index": DocumentError("The index server cannot be reached."), "load": ServerError("No model server.")}
    warm_up(parts_of(done, Settings(keep_days=30), gone))
    assert done == ["index", "load", "search", "purge"]
    assert capsys.readouterr().err == "The index server cannot be reached.\nNo model server.\n"


def test_a_bug_at_one_step_is_logged_and_the_others_are_taken(caplog):
    done = []
    warm_up(parts_of(done, Settings(keep_days=30), {"index": RuntimeError("a bug")}))
    assert done == ["index", "load", "search", "purge"]
    assert "goes on after a bug" in caplog.text and "RuntimeError: a bug" in caplog.text


def test_nothing_is_removed_where_chats_are_kept_for_ever():
    done = []
    warm_up(parts_of(done, Settings(knowledge=""), {}))
    assert done == ["load", "search"]
