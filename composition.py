"""How the rooms are put together: the only place that knows every one of them, beside the commands of launch.py."""

from __future__ import annotations

import os
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import StoreError
from core.settings import Settings

if TYPE_CHECKING:
    from backends.adapter_folder import AdapterFolder
    from backends.chat_model import ChatModels
    from backends.engine.model import LocalModel
    from core.parts import Parts
    from core.protocols import Backend, Retriever, Store, Templates


def compose(settings: Settings) -> Parts:
    """Builds the parts and wires them together; nothing heavy loads yet. Raises DuodeskError."""
    from backends.chain import Chain
    from backends.chat_model import EngineChatModels
    from backends.embedding import MiniLM
    from backends.other_models import OtherModels
    from backends.remote.model import remote_models
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
    retriever = HybridRetriever(data / "index", settings.chunk_chars)
    if settings.redaction == "on":
        store = RedactingStore(store, OwnContacts(retriever))
    model = local_model(settings, store)
    servers = load_servers(settings)

    def other_models(source: str) -> ChatModels:
        if source in servers:
            return remote_models(servers[source], model.adapter_folder)
        return EngineChatModels(local_model(replace(settings, model=source), store))

    others = OtherModels(other_models)
    chain = Chain(EngineChatModels(model), templates, retriever, settings.company, others)
    desk = Desk(store, chain, settings.max_message_chars, settings.slots + settings.queue)
    runs, adapters = data / "runs", model.adapter_folder

    def test_questions() -> list[str]:
        return [one.question for one in read_questions(settings.path("questions"))] if settings.questions else []

    examples = Examples(model, templates, retriever, store, runs, settings.company, settings.template, test_questions)
    training = LocalTraining(runs, model, examples, store)
    ratings = Ratings(store.studies)
    parts = (store.studies, ratings, chain, retriever, training, adapters)
    embed = MiniLM().embed_documents
    splits = LocalSplits(store, chain, retriever)
    studies = LocalStudies(*parts, embed, data / "studies", settings.slots, splits)
    comparisons = Comparisons(desk)

    def backend_with(other_templates: Templates | None, other_retriever: Retriever | None) -> Backend:
        found = (other_templates or templates, other_retriever or retriever)
        return Chain(chain.models, *found, settings.company, others)

    def retriever_over(folder: Path) -> Retriever:
        return HybridRetriever(folder, settings.chunk_chars)

    forgetting = Forgetting(store, [data, export_cache()], training, retriever)
    rooms = (settings, store, templates, retriever, model, desk, comparisons, adapters, training, studies, ratings)
    return Parts(*rooms, embed, backend_with, retriever_over, forgetting, database.accounts, splits)


def export_cache() -> Path:
    """Where gradio keeps exports for a day after they were downloaded."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio")


def local_model(settings: Settings, store: Store) -> LocalModel:
    """The base model in use with its adapters; the weights load at the first use."""
    from backends.engine.model import EngineOptions, LocalModel

    options = EngineOptions(**{entry.name: getattr(settings, entry.name) for entry in fields(EngineOptions)})
    cache = settings.path("data") / "models"
    return LocalModel(settings.model_source, adapter_folder(settings, store), cache, options)


def adapter_folder(settings: Settings, store: Store) -> AdapterFolder:
    """The adapters; what is imported must fit the base model in use."""
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

    return AdapterFolder(settings.path("adapters"), needed_by, lambda: model_folder(settings.model_source))
