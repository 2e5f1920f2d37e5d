"""What indexing asks of the embedding model, how it shows progress, and how searches go on beside it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from backends import passage_store
from backends.retrieval import HybridRetriever
from tests.broken import docx, pdfs, texts


class Counting(Embeddings):
    """Stands for the model where only what it is asked matters: a vector drawn from the text, and a list of texts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [np.random.default_rng(list(text.encode())).normal(size=384).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def counted(tmp_path: Path, counting: Counting) -> HybridRetriever:
    return HybridRetriever(tmp_path / "index", embedding=counting)


def write_parts(path: Path, numbers) -> None:
    """A document with one section, thus one passage, for each number."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("# Parts\n\n" + "\n".join(f"## Part {n}\n\nPart {n} costs {n} euros.\n" for n in numbers))


def test_of_a_changed_document_only_new_passages_are_embedded(counted, counting, tmp_path):
    path = tmp_path / "documents" / "parts.md"
    write_parts(path, range(100))
    counted.index([path.parent])
    assert len(counting.asked) == len(set(counting.asked)) == 100

    counting.asked.clear()
    write_parts(path, [500, *range(50), 501, *range(50, 100)])  # every passage stands elsewhere
    assert counted.index([path.parent]).replaced == ["parts.md"]
    assert sorted(counting.asked) == [f"Parts: Part {n}\nPart {n} costs {n} euros." for n in (500, 501)]

    counting.asked.clear()
    path.rename(path.with_name("renamed.md"))
    report = counted.index([path.parent])
    assert (report.added, report.removed, counting.asked) == (["renamed.md"], ["parts.md"], [])


def test_vectors_that_were_not_computed_again_are_the_right_ones(counted, counting, tmp_path):
    path = tmp_path / "documents" / "parts.md"
    write_parts(path, range(40))
    counted.index([path])
    write_parts(path, reversed(range(41)))
    counted.index([path])
    for n in (0, 17, 40):
        [nearest] = counted._store.nearest(f"Parts: Part {n}\nPart {n} costs {n} euros.", 1)
        assert counted._current().passages[nearest].title == f"Parts: Part {n}"


def test_a_text_that_stands_in_two_documents_is_embedded_once(counted, counting, tmp_path):
    write_parts(tmp_path / "documents" / "one.md", range(3))
    write_parts(tmp_path / "documents" / "two.md", range(1, 5))
    counted.index([tmp_path / "documents"])
    assert len(counting.asked) == 5
    assert counted.documents() == [("one.md", 3), ("two.md", 4)]


def test_a_long_document_shows_progress_and_goes_on_where_it_was_interrupted(counted, counting, tmp_path, monkeypatch):
    monkeypatch.setattr(passage_store, "WRITTEN", 10)
    monkeypatch.setattr(passage_store, "REPORTED", 20)
    path = tmp_path / "documents" / "parts.md"
    write_parts(path, range(50))
    states: list[str] = []

    def stop_midway(*told):
        states.append(counted.state)
        if "40 of" in told[2]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        counted.index([path], stop_midway)
    assert states == [f"indexing 0 of 1 ({n} of 50 passages)" for n in (20, 40)]
    assert counted.state == "ready"
    assert len(counting.asked) == 40

    told = []
    assert counted.index([path], lambda *step: told.append(step)).replaced == ["parts.md"]
    assert told == [
        (0, 1, "parts.md: 20 of 50 passages"),
        (0, 1, "parts.md: 40 of 50 passages"),
        (1, 1, "parts.md"),
    ]
    assert len(counting.asked) == len(set(counting.asked)) == 50
    assert counted.index([path]).unchanged == ["parts.md"]


def test_of_a_document_that_was_replaced_with_an_interruption_only_the_new_text_stays(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(passage_store, "WRITTEN", 1)
    monkeypatch.setattr(passage_store, "REPORTED", 1)
    path = tmp_path / "documents" / "parts.md"
    write_parts(path, range(100, 103))
    counted.index([path])
    write_parts(path, [2000, 2001, 5])  # the last one is the shortest, which is written first

    def stop(done, total, source):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        counted.index([path], stop)
    assert counted.index([path]).replaced == ["parts.md"]
    [text] = (counted._store.folder / "documents").iterdir()
    assert text.read_text() == counted.document("parts.md") and "Part 2001" in text.read_text()


def test_more_passages_than_are_read_at_once(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(passage_store, "READ", 7)
    write_parts(tmp_path / "documents" / "parts.md", range(21))
    counted.index([tmp_path / "documents"])
    again = HybridRetriever(counted._store.folder, embedding=Counting())
    assert again.documents() == [("parts.md", 21)]
    assert again.version == counted.version


def test_equal_searches_are_computed_once_also_at_the_same_time(counted, counting, tmp_path):
    write_parts(tmp_path / "documents" / "parts.md", range(20))
    counted.index([tmp_path / "documents"])
    counting.asked.clear()
    results: list[list] = []
    threads = [threading.Thread(target=lambda: results.append(counted.search("part 7", 4))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.asked == ["part 7"]
    assert len(results) == 8 and all(result == results[0] for result in results)
    assert counted.search("part 7", 2) == results[0][:2]
    assert counting.asked == ["part 7"]

    write_parts(tmp_path / "documents" / "parts.md", range(7))
    counted.index([tmp_path / "documents"])
    assert "Parts: Part 7" not in [passage.title for passage in counted.search("part 7", 4)]


def test_an_error_of_a_search_is_raised_and_not_remembered(counted, counting, tmp_path, monkeypatch):
    write_parts(tmp_path / "documents" / "parts.md", range(3))
    counted.index([tmp_path / "documents"])
    with monkeypatch.context() as patch:
        patch.setattr(counting, "embed_query", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            counted.search("part 1", 2)
    assert len(counted.search("part 1", 2)) == 2


def test_searches_go_on_with_the_old_state_while_a_long_document_is_brought_in(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(passage_store, "WRITTEN", 10)
    monkeypatch.setattr(passage_store, "REPORTED", 10)
    path = tmp_path / "documents" / "parts.md"
    write_parts(path, range(20))
    counted.index([path])
    before = counted.version
    write_parts(path, range(20, 60))
    seen = []

    def search(done, total, source):
        passages = counted.search(f"Part 7 {source}", 3)
        seen.append((counted.version, len(passages)))

    counted.index([path], search)
    assert seen == [(before, 3)] * 4
    assert counted.version != before


def test_two_that_index_at_once_take_turns_and_one_is_told_of_all_the_while(counted, tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        for number in range(5):
            write_parts(folder / f"{folder.name}-{number}.md", range(number, number + 5))
    states = []
    with ThreadPoolExecutor(2) as pool:
        reports = pool.map(lambda folder: counted.index([folder], lambda *_: states.append(counted.state)), folders)
        assert [len(report.added) for report in reports] == [5, 5]
    assert states == [f"indexing {number} of 5" for number in (1, 2, 3, 4, 5)] * 2
    assert counted.state == "ready"


def test_a_broken_document_is_reported_and_neither_others_nor_its_former_passages_are_lost(counted, tmp_path):
    folder = tmp_path / "documents"
    write_parts(folder / "parts.md", range(3))
    (folder / "guide.pdf").write_bytes(pdfs.pdf())
    assert counted.index([folder]).added == ["guide.pdf", "parts.md"]
    before = counted.version
    for kind, made in ((".pdf", pdfs.broken()), (".docx", docx.broken()), (".html", texts.pages())):
        for number, content in enumerate(made.values()):
            if number % 12 == 0:
                (folder / f"broken-{number}{kind}").write_bytes(content)
    (folder / "guide.pdf").write_bytes(pdfs.broken()["encrypted"])
    report = counted.index([folder])
    assert "guide.pdf" in dict(report.failed)[str(folder / "guide.pdf")]
    assert all("\n" not in reason for _, reason in report.failed)
    assert (report.replaced, report.removed, report.unchanged) == ([], [], ["parts.md"])
    assert {"guide.pdf", "parts.md"} <= {source for source, _ in counted.documents()}
    assert counted.document("guide.pdf") == "Hello there"
    for file in folder.glob("broken-*"):
        file.unlink()
    counted.index([folder])
    assert counted.version == before
