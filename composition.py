"""How the rooms are put together: the only place that knows every one of them, beside the commands of launch.py."""

from __future__ import annotations

import os
import tempfile
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.backups import RESTORING
from core.errors import BackupError, StoreError
from core.settings import Settings

if TYPE_CHECKING:
    from backends.adapter_folder import AdapterFolder
    from backends.engine.model import LocalModel
    from core.backups import Part
    from core.parts import Parts
    from core.protocols import Backend, Retriever, Store, Templates
    from core.serving import ServedModel


def compose(settings: Settings) -> Parts:
    """Builds the parts and wires them together; nothing heavy loads yet. Raises DuodeskError."""
    from backends.chain import Chain
    from backends.chat_model import EngineChatModels
    from backends.embedding import MiniLM
    from backends.engine.model import LocalModel
    from backends.other_models import OtherModels
    from backends.remote.model import RemoteModel
    from backends.remote.weights import WeightsElsewhere
    from backends.retrieval import HybridRetriever
    from backends.templates import TemplateLibrary
    from core.comparison import Comparisons
    from core.desk import Desk
    from core.forgetting import Forgetting
    from core.parts import Parts
    from core.redaction import OwnContacts, RedactingStore
    from core.servers import load_servers
    from finetune.examples import Examples
    from finetune.local_training import LocalTraining
    from store import open_store
    from study.local_studies import LocalStudies
    from study.questions import read_questions
    from study.rating_queue import Ratings
    from study.splits.local_splits import LocalSplits

    data = settings.path("data")
    if (data / RESTORING).exists():
        raise BackupError(
            f"A restore into {data} was cut off in the middle; run it again: python3 launch.py restore FILE --replace."
        )
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / ".writable").touch()
    except OSError as error:
        raise StoreError(
            f"The data folder {data} cannot be written ({error.strerror}); mend its permissions or set `data`."
        ) from error
    database = open_store(settings.database_url)
    store: Store = database
    templates = TemplateLibrary(settings.path("prompts"), data / "template-versions")
    retriever = HybridRetriever(data / "index", settings.chunk_chars, url=settings.index)
    if settings.redaction == "on":
        store = RedactingStore(store, OwnContacts(retriever))
    servers = load_servers(settings)
    adapters = adapter_folder(settings, store, with_base=settings.model not in servers)

    def engine(source: str) -> RemoteModel | LocalModel:
        return RemoteModel(servers[source], adapters) if source in servers else local_model(settings, adapters, source)

    model = engine(settings.model)
    weights = model if isinstance(model, LocalModel) else WeightsElsewhere(settings.model, adapters)
    others = OtherModels(lambda source: EngineChatModels(engine(source)))
    chain = Chain(EngineChatModels(model), templates, retriever, settings.company, others)
    desk = Desk(store, chain, settings.max_message_chars, settings.slots + settings.queue)
    runs = data / "runs"

    def test_questions() -> list[str]:
        return [one.question for one in read_questions(settings.path("questions"))] if settings.questions else []

    examples = Examples(weights, templates, retriever, store, runs, settings.company, settings.template, test_questions)
    training = LocalTraining(runs, weights, examples, store)
    ratings = Ratings(store.studies)
    parts = (store.studies, ratings, chain, retriever, training, adapters)
    embed = MiniLM().embed_documents
    splits = LocalSplits(store, chain, retriever)
    studies = LocalStudies(*parts, embed, data / "studies", settings.study_slots, splits)
    comparisons = Comparisons(desk)

    def backend_with(other_templates: Templates | None, other_retriever: Retriever | None) -> Backend:
        found = (other_templates or templates, other_retriever or retriever)
        return Chain(chain.models, *found, settings.company, others)

    def retriever_over(folder: Path) -> Retriever:
        return HybridRetriever(folder, settings.chunk_chars)

    forgetting = Forgetting(store, [data, export_cache()], training, retriever)
    rooms = (settings, store, templates, retriever, model, desk, comparisons, adapters, training, studies, ratings)
    return Parts(*rooms, embed, backend_with, retriever_over, forgetting, database.accounts, splits)


def backup_parts(settings: Settings) -> list[Part]:
    """What a backup holds. The database comes first, so that every template version that an answer names comes after
    it; the weights of adapters are safetensors, and checkpoints of a training are left out: they are pickles."""
    from backends.index_backup import IndexBackup
    from backends.index_place import place_of
    from backends.passage_store import PassageStore
    from backup.folders import Files, Folders
    from store.database_backup import DatabaseBackup

    data, adapters = settings.path("data"), settings.path("adapters")
    return [
        DatabaseBackup(settings.database_url),
        Files("template-versions", data / "template-versions", r"[a-z0-9-]{1,64}\.jsonl"),
        Files("prompts", settings.path("prompts"), r"[a-z0-9-]{1,64}\.yaml"),
        Folders(
            "adapters", adapters, r"[^/]+/(adapter_config|card)\.json|[^/]+/(adapter_model\.safetensors|README\.md)"
        ),
        Folders("runs", data / "runs", r"[^/]+/[\w-]+\.(json|jsonl|txt|log)"),
        IndexBackup(PassageStore(data / "index", place_of(data / "index", settings.index))),
    ]


def export_cache() -> Path:
    """Where gradio keeps exports for a day after they were downloaded."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio")


def served_model(settings: Settings) -> ServedModel:
    """The base model for the model server, which has no store and knows nothing of arms."""
    from backends.adapter_folder import AdapterFolder
    from backends.served_model import LocalServedModel

    return LocalServedModel(local_model(settings, AdapterFolder(settings.path("adapters"))))


def local_model(settings: Settings, adapters: AdapterFolder, source: str = "") -> LocalModel:
    """A base model with its adapters, the one of the settings unless `source` names another; its weights load at the
    first use."""
    from backends.engine.model import EngineOptions, LocalModel

    options = EngineOptions(**{entry.name: getattr(settings, entry.name) for entry in fields(EngineOptions)})
    chosen = replace(settings, model=source) if source else settings
    return LocalModel(chosen.model_source, adapters, settings.path("data") / "models", options)


def adapter_folder(settings: Settings, store: Store, with_base: bool) -> AdapterFolder:
    """The adapters; what is imported must fit the base model in use, where that is on this machine."""
    from backends.adapter_folder import AdapterFolder
    from backends.folders import model_folder
    from finetune.run_folder import continued_by
    from study.local_studies import study_with

    def needed_by(name: str) -> str:
        if name == settings.adapter:
            return "it is the one that the lora arms use unless another is chosen; set `adapter` to another one first."
        run = continued_by(settings.path("data") / "runs", name)
        if run:
            return f"the run '{run}' continues it; wait for its end or remove it first."
        study = study_with(store.studies, name)
        return f"the study '{study}' has an arm with it; remove the study first." if study else ""

    base = partial(model_folder, settings.model_source) if with_base else None
    return AdapterFolder(settings.path("adapters"), needed_by, base)
