"""The web site: all pages in one gradio app, behind a FastAPI app that knows the visitor and opens sources."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from app.access.gate import LARGEST_UPLOAD, Gate
from app.access.visitor import VisitorCookie
from app.quick_gradio import import_gradio
from core.parts import Parts

if TYPE_CHECKING:
    from fastapi import FastAPI
    from gradio import Blocks

DAY_S = 24 * 3600
CLICKS = 16  # at the same time, of each kind
PAGES = 1000  # whose state gradio keeps; beyond those, closed ones go first


def build_site(parts: Parts) -> FastAPI:
    """The whole site, ready for uvicorn."""
    import_gradio()
    import gradio as gr
    from fastapi import FastAPI

    from app import api, theme

    # Said of every app with several pages, also with ssr_mode=False.
    warnings.filterwarnings("ignore", "SSR mode is not supported with multi-page apps")

    site = FastAPI(title="Duodesk", docs_url=None, redoc_url=None, openapi_url=None)
    pages = build_pages(parts)
    site.add_middleware(VisitorCookie)
    settings = parts.settings
    site.add_middleware(
        Gate,
        accounts=parts.accounts if settings.signs_in else None,
        page_of=lambda number: pages.fns[number].page if number in pages.fns else None,
        insecure=settings.accounts == "insecure",
    )
    if settings.signs_in:
        from app.access.sign_in import add_sign_in

        add_sign_in(site, parts.accounts, settings.company)
    api.add_routes(site, parts)
    # Only gradio's `launch` sets this; without it no file that a browser names as its upload is checked, and anybody
    # could have any file of this machine.
    pages.has_launched = True
    return gr.mount_gradio_app(
        site,
        pages,
        path="",
        theme=theme.theme(),
        css=theme.style_sheet(),
        head=theme.head(),
        footer_links=[],
        show_error=True,
        max_file_size=LARGEST_UPLOAD,
        ssr_mode=False,
    )


def build_pages(parts: Parts) -> Blocks:
    """One gradio app with a page for each file named here."""
    import gradio as gr

    from app import chat, compare, prompts, transcripts
    from app.adapters import page as adapters
    from app.study import page as study
    from app.study import rate_page as rate

    with gr.Blocks(title="Duodesk", fill_height=True, analytics_enabled=False, delete_cache=(DAY_S, DAY_S)) as blocks:
        chat.build(parts, blocks)
    pages = (
        ("Compare", compare),
        ("Rate", rate),
        ("Study", study),
        ("Adapters", adapters),
        ("Prompts", prompts),
        ("Transcripts", transcripts),
    )
    for name, page in pages:
        with blocks.route(name, f"/{name.lower()}"):
            page.build(parts, blocks)
    # One slow answer must not hold back other visitors' clicks; the engine has its own queue. Of all events of all
    # pages gradio has only so many under way, those that wait for the engine included, and as many threads.
    blocks.max_threads = parts.desk.most_under_way + CLICKS
    blocks.state_session_capacity = PAGES
    return blocks.queue(default_concurrency_limit=CLICKS)
