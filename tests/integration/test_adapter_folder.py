"""Adapters as a person manages them: renamed, deleted, taken elsewhere and brought back, and never a trap."""

import json
import shutil
import stat
import struct
import zipfile

import pytest

from backends import adapter_import
from backends.adapter_folder import AdapterFolder
from backends.engine.model import EngineOptions, LocalModel
from backends.folders import folder_hash
from core.errors import AdapterError, AdapterMismatch, UnknownAdapter
from core.types import Decoding, Turn
from tests.integration.tiny_models import make_adapter, make_model

ASK = (Turn("system", "You are an agent."), Turn("user", "How long do I have to return it?"))
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def made(base, tmp_path_factory):
    """A sound adapter that no test changes."""
    folder = make_adapter(tmp_path_factory.mktemp("made") / "one", base, folder_hash(base))
    (folder / "README.md").write_text("# one\n")
    return folder


@pytest.fixture
def adapters(base, made, tmp_path):
    shutil.copytree(made, tmp_path / "adapters/one")
    return AdapterFolder(tmp_path / "adapters", base=lambda: base)


@pytest.fixture
def source(made, tmp_path):
    """A copy to break."""
    return shutil.copytree(made, tmp_path / "source")


def pack(target, files):
    """A zip file of names or entries and what is in them."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def contents(folder, prefix=""):
    return {f"{prefix}{file.name}": file.read_bytes() for file in folder.iterdir()}


def change(folder, **values):
    file = folder / CONFIG
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def weights(folder, edit):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / WEIGHTS)
    save_file(edit(tensors), folder / WEIGHTS)


def greedy(model, tokenizer):
    import torch

    rows = [{"role": turn.role, "content": turn.text} for turn in ASK]
    ids = tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    with torch.inference_mode():
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False)
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()


def say(model, adapter=None):
    return "".join(piece.text for piece in model.stream(ASK, Decoding(max_new_tokens=24), adapter)).strip()


def nothing_changed(adapters):
    return [path.name for path in adapters.folder.iterdir()] == ["one"]


def test_only_complete_and_visible_adapters_have_names(adapters, made):
    shutil.copytree(made, adapters.folder / ".two.unfinished")
    shutil.copytree(made, adapters.folder / "weightless")
    (adapters.folder / "weightless" / WEIGHTS).unlink()
    assert adapters.names() == ["one"]
    with pytest.raises(UnknownAdapter, match="the adapters are: one"):
        adapters.card(".two.unfinished")


def test_renaming_keeps_the_hash_and_mends_the_card(adapters):
    before = folder_hash(adapters.path("one"))
    adapters.annotate("one", "name", "one")
    adapters.rename("one", "second-try_2")
    assert adapters.names() == ["second-try_2"]
    assert adapters.card("second-try_2")["name"] == "second-try_2"
    assert folder_hash(adapters.path("second-try_2")) == before


@pytest.mark.parametrize("name", ["", ".hidden", "../out", "a/b", "a b", "one.zip", "-x", "x" * 65, "one"])
def test_a_bad_or_taken_name_is_refused(adapters, made, name):
    with pytest.raises(AdapterError, match="letters, digits|exists already"):
        adapters.rename("one", name)
    with pytest.raises(AdapterError, match="letters, digits|exists already"):
        adapters.import_(made, name)
    assert nothing_changed(adapters)


def test_what_does_not_exist_cannot_be_changed(adapters, tmp_path):
    for act in (
        lambda: adapters.rename("nonesuch", "two"),
        lambda: adapters.delete("nonesuch"),
        lambda: adapters.export("nonesuch", tmp_path),
        lambda: adapters.annotate("nonesuch", "scores", 1),
    ):
        with pytest.raises(UnknownAdapter, match="nonesuch"):
            act()


def test_deleting_leaves_nothing_behind(adapters):
    adapters.delete("one")
    assert adapters.names() == []
    assert not list(adapters.folder.iterdir())


def test_what_a_study_needs_is_not_deleted(adapters):
    kept = AdapterFolder(adapters.folder, needed_by=lambda name: f"the study of {name} is not finished.")
    with pytest.raises(AdapterError, match="the study of one is not finished"):
        kept.delete("one")
    assert nothing_changed(kept)


def test_a_note_on_the_card_leaves_the_rest_and_the_hash_as_they_were(adapters):
    before, card = folder_hash(adapters.path("one")), adapters.card("one")
    adapters.annotate("one", "scores", {"rouge_l": 0.5})
    assert adapters.card("one") == card | {"scores": {"rouge_l": 0.5}}
    assert folder_hash(adapters.path("one")) == before


def test_an_exported_adapter_comes_back_the_same(adapters, tmp_path):
    (adapters.path("one") / "training_args.bin").write_bytes(b"a pickle")
    file = adapters.export("one", tmp_path / "out")
    assert zipfile.ZipFile(file).namelist() == [f"one/{name}" for name in (CONFIG, WEIGHTS, "card.json", "README.md")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.zip"]
    assert adapters.import_(file, "two") == "two"
    assert adapters.names() == ["one", "two"]
    assert folder_hash(adapters.path("two")) == folder_hash(adapters.path("one"))
    assert adapters.card("two") == adapters.card("one") | {"name": "two"}


def test_of_a_brought_card_only_what_has_the_shape_of_its_field_is_kept(adapters, source):
    card = json.loads((source / "card.json").read_text())
    odd = {"data": {"train": "many", "validation": 3, "left_out": [1], "warnings": "none"}, "losses": "low"}
    odd |= {"curve": ["a", {"step": 1, "loss": "low", "eval_loss": 2.5}], "run": "../../outside", "rows": 10**400}
    odd |= {"leaks_kept": 2, "scores": [], "validation_loss": [3.5, "x", 2.5]}
    (source / "card.json").write_text(json.dumps(card | odd))
    adapters.import_(source, "two")
    kept = {"data": {"validation": 3}, "curve": [{"step": 1, "eval_loss": 2.5}], "leaks_kept": 2}
    assert adapters.card("two") == card | kept | {"validation_loss": [3.5, 2.5], "name": "two"}


def test_a_card_that_is_nested_without_end_is_refused(adapters, source):
    (source / "card.json").write_text("[" * 100_000)
    with pytest.raises(AdapterError, match="not a JSON object"):
        adapters.import_(source, "two")


def test_an_exported_adapter_answers_the_same_in_peft_and_merged_in_transformers(adapters, base, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    engine = LocalModel(str(base), adapters, tmp_path / "cache", EngineOptions(precision="fp32"))
    expected, tokenizer = say(engine, "one"), AutoTokenizer.from_pretrained(base)
    zipfile.ZipFile(adapters.export("one", tmp_path)).extractall(tmp_path / "elsewhere")
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "elsewhere/one")
    assert greedy(plain, tokenizer) == expected != ""
    plain.merge_and_unload().save_pretrained(tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert greedy(merged, tokenizer) == expected != say(engine)


@pytest.mark.parametrize("kind", ["onnxruntime", "torch"])
def test_an_imported_or_replaced_adapter_answers_without_a_restart(adapters, base, tmp_path, kind):
    engine = LocalModel(str(base), adapters, tmp_path / "cache", EngineOptions(engine=kind, precision="fp32"))
    first = say(engine, "one")
    adapters.import_(make_adapter(tmp_path / "new", base, seed=5), "two")
    second = say(engine, "two")
    adapters.delete("one")
    with pytest.raises(UnknownAdapter, match="the adapters are: two"):
        say(engine, "one")
    adapters.rename("two", "one")
    assert say(engine, "one") == second != first


@pytest.mark.parametrize("prefix", ["", "one/", "some/where/"])
def test_an_adapter_may_lie_in_any_one_folder_of_an_archive(adapters, made, tmp_path, prefix):
    files = contents(made, prefix) | {f"__MACOSX/{CONFIG}": b"", f"{prefix}train.py": b"evil()"}
    adapters.import_(pack(tmp_path / "a.zip", files), "two")
    assert {path.name for path in adapters.path("two").iterdir()} == {CONFIG, WEIGHTS, "card.json", "README.md"}


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "one/../../evil.py", "..\\evil.py", "C:\\evil.py"])
def test_an_archive_that_leads_outside_is_refused(adapters, made, tmp_path, name):
    file = pack(tmp_path / "a.zip", contents(made, "one/") | {name: b"evil()"})
    with pytest.raises(AdapterError, match="leads outside"):
        adapters.import_(file, "two")
    assert nothing_changed(adapters)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_in_an_archive_is_refused(adapters, made, tmp_path):
    link = zipfile.ZipInfo("one/README.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files = {name: data for name, data in contents(made, "one/").items() if name != "one/README.md"}
    with pytest.raises(AdapterError, match="leads outside"):
        adapters.import_(pack(tmp_path / "a.zip", files | {link: "/etc/passwd"}), "two")


def test_a_bomb_is_refused_by_what_it_says_of_its_size(adapters, made, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter_import, "MAX_BYTES", 10_000_000)
    file = pack(tmp_path / "a.zip", contents(made) | {"zeros": bytes(20_000_000)})
    assert file.stat().st_size < 5_000_000
    with pytest.raises(AdapterError, match="unpacks to more"):
        adapters.import_(file, "two")
    assert nothing_changed(adapters)


def test_a_bomb_that_lies_about_its_size_is_refused_too(adapters, made, tmp_path):
    file = pack(tmp_path / "a.zip", contents(made) | {"README.md": bytes(20_000_000)})
    data = bytearray(file.read_bytes())
    for place in range(len(data)):  # the sizes in the local and in the central header
        if data[place : place + 4] == struct.pack("<I", 20_000_000):
            data[place : place + 4] = struct.pack("<I", 100)
    file.write_bytes(data)
    assert zipfile.ZipFile(file).getinfo("README.md").file_size == 100
    with pytest.raises(AdapterError, match="cannot be read"):
        adapters.import_(file, "two")
    assert nothing_changed(adapters)


def test_what_is_read_counts_and_not_what_was_announced(adapters, source, monkeypatch):
    monkeypatch.setattr(adapter_import, "MAX_BYTES", 10_000)
    with pytest.raises(AdapterError, match="unpacks to more"):
        adapters.import_(source, "two")
    monkeypatch.undo()
    monkeypatch.setattr(adapter_import, "MAX_TEXT_BYTES", 10_000)
    (source / "README.md").write_text("x" * 10_001)
    with pytest.raises(AdapterError, match="10,000 a text file"):
        adapters.import_(source, "two")


def test_an_archive_of_very_many_entries_is_refused(adapters, made, tmp_path):
    file = pack(tmp_path / "a.zip", contents(made) | {f"n{n}": b"" for n in range(1000)})
    with pytest.raises(AdapterError, match="1,004 entries"):
        adapters.import_(file, "two")


def test_two_adapters_in_one_archive_are_named(adapters, made, tmp_path):
    file = pack(tmp_path / "a.zip", contents(made, "x/") | contents(made, "y/z/"))
    with pytest.raises(AdapterError, match="several adapters \\(x, y/z\\)"):
        adapters.import_(file, "two")


@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_is_never_opened(adapters, source, tmp_path, packed):
    (source / WEIGHTS).rename(source / "adapter_model.bin")
    given = pack(tmp_path / "a.zip", contents(source)) if packed else source
    with pytest.raises(AdapterError, match="adapter_model.bin, a pickle.*save it as safetensors"):
        adapters.import_(given, "two")
    assert nothing_changed(adapters)


def test_what_is_no_adapter_says_what_was_found(adapters, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/notes.txt").write_text("hello")
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    for given, says in (
        (tmp_path / "notes", "lacks adapter_config.json and adapter_model.safetensors \\(found: notes.txt\\)"),
        (pack(tmp_path / "empty.zip", {}), "found: nothing"),
        (tmp_path / "torn.zip", "give a folder as PEFT saves it, or a .zip file"),
        (tmp_path / "nonesuch", "give a folder as PEFT saves it, or a .zip file"),
    ):
        with pytest.raises(AdapterError, match=says):
            adapters.import_(given, "two")
    assert nothing_changed(adapters)


def test_a_damaged_archive_is_refused(adapters, made, tmp_path):
    file = pack(tmp_path / "a.zip", contents(made))
    data = bytearray(file.read_bytes())
    start = data.index(WEIGHTS.encode()) + 2000
    data[start : start + 400] = bytes(400)
    file.write_bytes(data)
    with pytest.raises(AdapterError, match="cannot be read"):
        adapters.import_(file, "two")
    assert nothing_changed(adapters)


def nan_first(tensors):
    next(iter(tensors.values()))[0, 0] = float("nan")
    return tensors


def short_b(tensors):
    return {key: value[:, :2].copy() if "lora_B" in key else value for key, value in tensors.items()}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"not weights"), "no sound safetensors"),
        (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9]), "no sound safetensors"),
        (lambda folder: weights(folder, nan_first), "not finite"),
        (lambda folder: weights(folder, short_b), "no matching pair"),
        (lambda folder: weights(folder, lambda t: {k: v for k, v in t.items() if "lora_A" in k}), "no matching pair"),
        (lambda folder: weights(folder, lambda t: {"x": next(iter(t.values()))}), "no LoRA matrices"),
        (lambda folder: change(folder, target_modules=["q_proj"]), "none of its configuration's target modules"),
        (lambda folder: change(folder, peft_type="IA3"), "of the kind IA3"),
        (lambda folder: change(folder, init_lora_weights="pissa"), "changes the base model's weights"),
        (lambda folder: (folder / CONFIG).write_text("[1, 2]"), "not a JSON object"),
        (lambda folder: (folder / CONFIG).write_text("{"), "not a JSON object"),
        (lambda folder: (folder / "card.json").write_text("nonsense"), "not a JSON object"),
    ],
)
def test_a_broken_adapter_is_named_and_never_seen(adapters, source, spoil, says):
    spoil(source)
    with pytest.raises(AdapterError, match=says) as caught:
        adapters.import_(source, "two")
    assert "two" in str(caught.value)
    assert nothing_changed(adapters)


def test_an_adapter_for_another_base_model_is_refused_by_its_card(adapters, source):
    (source / "card.json").write_text(json.dumps({"model": "other", "model_hash": "0123456789ab"}))
    with pytest.raises(AdapterMismatch, match=r"made for the base model other \(0123456789ab\)"):
        adapters.import_(source, "two")


def test_an_adapter_of_another_size_is_refused_without_a_card(adapters, tmp_path):
    wide = make_adapter(tmp_path / "wide", make_model(tmp_path / "other", hidden=128))
    with pytest.raises(AdapterMismatch, match=r"down_proj \(128 x 256\), which is 64 x 128 there"):
        adapters.import_(wide, "two")
    assert nothing_changed(adapters)


def test_an_adapter_of_more_layers_is_refused_without_a_card(adapters, source):
    (source / "card.json").unlink()
    change(source, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    weights(source, lambda tensors: {key.replace("layers.1.", "layers.7."): value for key, value in tensors.items()})
    with pytest.raises(AdapterMismatch, match="layers.7.*is not there"):
        adapters.import_(source, "two")


def test_an_adapter_of_a_model_with_turned_matrices_fits(tmp_path):
    base = make_model(tmp_path / "gpt", kind="gpt2")
    made = make_adapter(tmp_path / "made", base)
    assert AdapterFolder(tmp_path / "adapters", base=lambda: base).import_(made, "two") == "two"
