"""Adapters from elsewhere that are broken or hostile: refused in one sentence, and nothing of them is left behind."""

import json
from pathlib import Path

import pytest

from backends import adapter_import
from backends.adapter_folder import AdapterFolder
from core.errors import AdapterError
from tests.broken import adapters
from tests.broken.docx import zipped
from tests.broken.limits import check_sentence, within

MADE = {"archive": adapters.archives(), "configuration": adapters.configurations(), "weights": adapters.weights()}
CASES = [(part, case) for part, cases in MADE.items() for case in cases]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(adapter_import, "MAX_BYTES", 50 << 20)
    folder = AdapterFolder(tmp_path / "adapters")
    folder.folder.mkdir()
    return folder


def import_(folder, content, name="new"):
    source = folder.folder.parent / "brought.zip"
    source.write_bytes(content)
    with within(10):
        return folder.import_(source, name)


@pytest.mark.parametrize(("part", "case"), CASES, ids=[f"{part}: {case}" for part, case in CASES])
def test_a_broken_adapter_gets_a_sentence_and_leaves_nothing_behind(folder, part, case):
    import_(folder, adapters.adapter(), "good")
    before = (folder.path("good") / adapter_import.WEIGHTS).read_bytes()
    with pytest.raises(AdapterError) as caught:
        import_(folder, MADE[part][case])
    check_sentence(caught.value)
    assert folder.names() == ["good"]
    assert [file.name for file in folder.folder.iterdir()] == ["good"], "something half unpacked stayed"
    assert sorted(file.name for file in folder.folder.parent.iterdir()) == ["adapters", "brought.zip"]
    assert (folder.path("good") / adapter_import.WEIGHTS).read_bytes() == before


@pytest.mark.parametrize("kind", [("F64", bytes(8)), ("F16", bytes(2)), ("BF16", bytes(2))])
def test_numbers_of_all_common_kinds_are_taken(folder, kind):
    assert import_(folder, adapters.adapter(adapters.safetensors(adapters.pair(*kind)))) == "new"


@pytest.mark.parametrize("pattern", [r".*\.(layer|other)", r"^.*layer$", r"model\.[0-9]+\.layer|layer", "all-linear"])
def test_patterns_as_people_write_them_are_taken(folder, pattern):
    assert import_(folder, adapters.adapter(target_modules=pattern, alpha_pattern={pattern: 8})) == "new"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", "a\0b", "x" * 65, "a b", "\ud800", "-", "a\n"])
def test_a_name_that_would_lead_elsewhere_is_refused(folder, name):
    with pytest.raises(AdapterError) as caught:
        import_(folder, adapters.adapter(), name)
    check_sentence(caught.value)


def test_what_is_beside_the_adapter_in_its_zip_file_is_not_unpacked(folder):
    extra = {"evil.py": "import os", "__init__.py": "", "sub/adapter.py": "", "README.md": "Hello"}
    files = {f"deep/er/{name}": content for name, content in extra.items()}
    config, weights = json.dumps(adapters.PLAIN), adapters.GOOD
    content = zipped({f"deep/er/{adapters.CONFIG}": config, f"deep/er/{adapters.WEIGHTS}": weights} | files)
    path = folder.path(import_(folder, content))
    assert sorted(file.name for file in Path(path).iterdir()) == ["README.md", adapters.CONFIG, adapters.WEIGHTS]
