"""The real index, in a folder and on a Chroma server: the real embedding model, BM25, and nothing of it on the network
but the server that it is on."""

import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backends import embedding
from backends.index_place import ServerPlace
from backends.retrieval import HybridRetriever, fuse
from core.errors import DocumentError, ModelNotFound, UnknownDocument

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ROOT / "tests" / "fixtures" / "documents"
GOOD = ["delivery.pdf", "guarantee.docx", "opening-hours.md", "returns.html", "spare-parts.csv"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuses every connection and fails the test for the attempt, also for one made in a background thread."""
    attempts: list[object] = []
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def refuse_others(call, place):
        def guarded(*arguments, **named):
            if (arguments[place][0] if isinstance(arguments[place], tuple) else arguments[place]) == "127.0.0.1":
                return call(*arguments, **named)
            attempts.append(arguments)
            raise OSError("no network in this test")

        return guarded

    monkeypatch.setattr(socket.socket, "connect", refuse_others(connect, 1))
    monkeypatch.setattr(socket, "getaddrinfo", refuse_others(getaddrinfo, 0))
    yield
    assert attempts == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of documents of its own, to be changed at will."""
    return Path(shutil.copytree(DOCUMENTS, tmp_path / "documents"))


BOTH = pytest.mark.parametrize("retriever", ["folder", "server"], indirect=True)  # what depends on where it is kept


@pytest.fixture
def retriever(tmp_path: Path, request: pytest.FixtureRequest) -> HybridRetriever:
    """Over an empty index, in a folder unless a test wants it on a server."""
    if getattr(request, "param", "folder") == "folder":
        return HybridRetriever(tmp_path / "index")
    url = request.getfixturevalue("chroma_server").url
    client = ServerPlace(url).connect()
    for collection in client.list_collections():
        client.delete_collection(collection.name)
    return HybridRetriever(tmp_path / "index", url=url)


def url_of(retriever: HybridRetriever) -> str:
    return getattr(retriever._store.place, "url", "")


def found(retriever: HybridRetriever, question: str, k: int = 3) -> list[str]:
    return [passage.source for passage in retriever.search(question, k)]


@BOTH
def test_documents_of_every_kind_are_found_by_meaning_and_by_word(retriever, folder):
    report = retriever.index([folder])
    assert (report.added, [Path(path).name for path, _ in report.failed]) == (
        GOOD,
        ["broken.pdf", "empty.txt"],
    )
    assert [source for source, _ in retriever.documents()] == GOOD
    assert found(retriever, "Can I send something back that I did not use?")[0] == "returns.html"
    assert found(retriever, "CG-118")[0] == "spare-parts.csv"
    assert found(retriever, "when will my package arrive")[0] == "delivery.pdf"
    assert found(retriever, "warantee of the frmae")[0] == "guarantee.docx"
    results = retriever.search("opening times on Thursday", 5)
    assert results[0].title == "Opening hours: Weekdays"
    assert [p.score for p in results] == sorted((p.score for p in results), reverse=True)
    for passage in results:
        text = retriever.document(passage.source)
        assert text[passage.start : passage.start + len(passage.text)] == passage.text


def test_an_empty_index_finds_nothing_and_says_so_for_documents(retriever):
    assert retriever.search("anything", 4) == []
    assert retriever.documents() == []
    with pytest.raises(UnknownDocument, match=r"no document 'a\.md'"):
        retriever.document("a.md")


def test_any_question_is_answered_with_at_most_k_passages(retriever, folder):
    retriever.index([folder])
    for text in ("", "  \n", "the", "?!", "\0", "x " * 5000, "\U0001f6b2", "{company}", "\udc80 lone"):
        assert len(retriever.search(text, 2)) <= 2, text
        assert retriever.search(text, 0) == []
    assert len(retriever.search("shop", 1000)) == sum(n for _, n in retriever.documents())


@BOTH
def test_indexing_again_costs_nothing_and_changes_nothing(retriever, folder, monkeypatch):
    retriever.index([folder])
    version = retriever.version

    def embed(*_):
        raise AssertionError("an unchanged document was embedded again")

    monkeypatch.setattr(embedding.MiniLM, "embed_documents", embed)
    report = retriever.index([folder])
    assert (report.unchanged, report.added, report.replaced, report.removed) == (GOOD, [], [], [])
    assert retriever.version == version


@BOTH
def test_a_changed_file_is_replaced_exactly_and_a_deleted_one_goes_with_its_folder(retriever, folder, tmp_path):
    retriever.index([folder])
    before = retriever.version
    path = folder / "opening-hours.md"
    path.write_text(path.read_text().replace("20:30", "21:45"))
    report = retriever.index([path])
    assert report.replaced == ["opening-hours.md"]
    texts = [p.text for p in retriever.search("How long is the shop open on Thursdays?", 50)]
    assert any("21:45" in text for text in texts) and not any("20:30" in text for text in texts)
    assert "21:45" in retriever.document("opening-hours.md")
    assert retriever.version != before

    (folder / "returns.html").unlink()
    (tmp_path / "elsewhere").mkdir()
    retriever.index([tmp_path / "elsewhere"])
    assert "returns.html" in dict(retriever.documents())
    assert retriever.index([folder]).removed == ["returns.html"]
    assert "returns.html" not in found(retriever, "return goods", 50)

    path.write_text(path.read_text().replace("21:45", "20:30"))
    (folder / "returns.html").write_bytes((DOCUMENTS / "returns.html").read_bytes())
    retriever.index([folder])
    assert retriever.version == before


def test_a_heading_that_changes_in_place_changes_the_version(retriever, folder):
    retriever.index([folder])
    before = retriever.version
    path = folder / "opening-hours.md"
    path.write_text(path.read_text().replace("# Opening hours", "# Opening times"))
    retriever.index([folder])
    assert retriever.version != before
    assert retriever.search("open on Thursday", 1)[0].title == "Opening times: Weekdays"


def test_a_file_that_broke_keeps_what_was_stored_of_it(retriever, folder):
    retriever.index([folder])
    (folder / "guarantee.docx").write_bytes(b"broken")
    report = retriever.index([folder])
    assert [Path(path).name for path, _ in report.failed] == ["broken.pdf", "empty.txt", "guarantee.docx"]
    assert found(retriever, "guarantee on the frame")[0] == "guarantee.docx"
    assert "7 years" in retriever.document("guarantee.docx")


def test_two_documents_of_one_name_in_one_run_do_not_replace_each_other(retriever, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "opening-hours.md").write_text("# Other\n\nOther text.")
    report = retriever.index([folder, other])
    assert any("name of two documents" in reason for _, reason in report.failed)
    assert "20:30" in retriever.document("opening-hours.md")


def test_a_moved_folder_is_known_by_its_new_place(retriever, folder, tmp_path):
    retriever.index([folder])
    moved = folder.rename(tmp_path / "moved")
    assert retriever.index([moved]).unchanged == GOOD
    (moved / "delivery.pdf").unlink()
    assert retriever.index([moved]).removed == ["delivery.pdf"]


@BOTH
def test_a_killed_indexing_run_loses_no_document_and_the_next_one_completes_it(retriever, folder, monkeypatch):
    retriever.index([folder])
    path = folder / "opening-hours.md"
    path.write_text(path.read_text().replace("20:30", "21:45"))

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retriever._store, "_delete", crash)  # after the new passages, before the old ones go
        with pytest.raises(KeyboardInterrupt):
            retriever.index([folder])
    assert "opening-hours.md" in found(retriever, "open on Thursdays")
    assert retriever.index([folder]).replaced == ["opening-hours.md"]
    texts = [p.text for p in retriever.search("open on Thursdays", 50)]
    assert len([text for text in texts if "Thursdays" in text]) == 1


def test_progress_tells_every_file(retriever, folder):
    told = []
    retriever.index([folder], lambda done, total, source: told.append((done, total, source)))
    assert [done for done, _, _ in told] == list(range(1, 8))
    assert {total for _, total, _ in told} == {7}


def test_the_index_is_there_after_a_restart(retriever, folder):
    retriever.index([folder])
    again = HybridRetriever(retriever._store.folder, url=url_of(retriever))
    assert again.version == retriever.version
    assert found(again, "CG-118")[0] == "spare-parts.csv"


@BOTH
def test_what_another_process_indexes_is_found_at_once(retriever, folder):
    retriever.index([folder / "delivery.pdf"])
    before = retriever.version
    retriever.search("shop", 1)
    program = (
        "import sys; from pathlib import Path; from backends.retrieval import HybridRetriever\n"
        "r = HybridRetriever(Path(sys.argv[1]), url=sys.argv[3]); r.index([Path(sys.argv[2])]); print(r.version)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, retriever._store.folder, folder, url_of(retriever)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert retriever.version == done.stdout.split()[-1] != before
    [nearest] = retriever._store.nearest("Can I send something back that I did not use?", 1)
    by_id = {p.id: p.source for p in retriever.search("Can I send something back?", 50)}
    assert by_id[nearest] == "returns.html"


@BOTH
def test_searches_and_an_indexing_run_go_on_at_the_same_time(retriever, folder):
    retriever.index([folder])
    errors: list[BaseException] = []
    done = threading.Event()

    def search():
        try:
            while not done.is_set():
                assert retriever.search("guarantee on the frame", 3)[0].source == "guarantee.docx"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(6):
        (folder / "opening-hours.md").write_text(f"# Opening hours\n\n## Weekdays\nOpen until {n + 12}:00.")
        retriever.index([folder])
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert found(retriever, "open until 17:00", 1) == ["opening-hours.md"]


def test_weights_that_are_not_the_expected_ones_are_refused(monkeypatch):
    monkeypatch.setattr(embedding, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelNotFound, match="not the expected ones"):
        embedding.weights_folder()


def test_an_index_folder_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DocumentError, match="cannot be written"):
        HybridRetriever(tmp_path / "file").index([DOCUMENTS])


def test_reciprocal_rank_fusion_rewards_agreement():
    assert [name for name, _ in fuse([["a", "b", "c"], ["b", "d"]])] == ["b", "a", "d", "c"]
    assert fuse([["a"]]) == [("a", 1 / 61)]


def test_a_search_during_the_very_first_indexing_waits_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.md").write_text(f"# Part {number}\n\nPart {number} costs {number} euros.\n")
    retriever = HybridRetriever(tmp_path / "index")
    started = threading.Event()
    states: list[str] = []

    def progress(done: int, total: int, source: str) -> None:
        states.append(retriever.state)
        started.set()

    worker = threading.Thread(target=retriever.index, args=([folder], progress))
    worker.start()
    assert started.wait(60)
    assert retriever.search("part", 3), "the search did not wait for the documents"
    worker.join()
    assert states == ["indexing 1 of 3", "indexing 2 of 3", "indexing 3 of 3"]
    assert retriever.state == "ready"
