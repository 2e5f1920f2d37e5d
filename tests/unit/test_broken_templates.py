"""Templates that are broken or hostile: refused in one sentence, and the version before stays in force."""

import pytest

from backends.templates import TemplateLibrary
from core.errors import InvalidTemplate, UnknownTemplate
from tests.broken import templates
from tests.broken.limits import check_sentence, within

CASES = templates.broken()


@pytest.fixture
def library(tmp_path):
    library = TemplateLibrary(tmp_path / "prompts", tmp_path / "versions")
    library.save("calm", templates.GOOD, "the first")
    return library


@pytest.mark.parametrize("case", CASES)
def test_a_broken_template_gets_a_sentence_and_the_one_before_stays(library, case):
    with within(5), pytest.raises(InvalidTemplate) as caught:
        library.save("calm", CASES[case], "broken")
    check_sentence(caught.value, "'calm'")
    assert library.get("calm").yaml == templates.GOOD
    assert [version.note for version in library.versions("calm")] == ["the first"]


@pytest.mark.parametrize("case", CASES)
def test_one_that_is_broken_on_the_disk_leaves_the_last_good_version_in_force(library, case):
    file = library.folder / "calm.yaml"
    file.write_bytes(CASES[case].encode("utf-8", "surrogatepass"))
    with within(5):
        assert library.get("calm").yaml == templates.GOOD
        assert library.names() == ["calm"]
        assert "calm" in library.problem("calm")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x80\x81", "name: calm".encode("utf-16"), b"\0" * 1000])
def test_bytes_that_are_no_text_leave_the_last_good_version_in_force(library, content):
    (library.folder / "calm.yaml").write_bytes(content)
    assert library.get("calm").yaml == templates.GOOD
    assert "'calm'" in library.problem("calm")


@pytest.mark.parametrize("name", ["", ".", "../calm", "a/b", "a\0b", "CALM", "x" * 65, "\ud800", "calm\n", "a b", "é"])
def test_a_name_that_would_lead_elsewhere_is_refused(library, name):
    with pytest.raises(InvalidTemplate) as caught:
        library.save(name, templates.GOOD, "")
    check_sentence(caught.value)
    with pytest.raises(UnknownTemplate) as unknown:
        library.get(name)
    check_sentence(unknown.value)
    assert [file.name for file in library.folder.iterdir()] == ["calm.yaml"]
