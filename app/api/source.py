"""A document, opened at a passage."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from core.errors import DuodeskError, UnknownDocument
from core.parts import Parts

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
mark {{ background: #ccfbf1; color: #134e4a; padding: .1em 0; }}
a {{ color: inherit; }}
</style></head><body><p><a href="/">Duodesk</a> · {title}</p><pre>{body}</pre></body></html>"""


def add_routes(site: FastAPI, parts: Parts) -> None:
    """Adds the address to the site."""
    from fastapi.responses import HTMLResponse

    @site.get("/source/{source:path}")
    def source(source: str, start: int = 0, length: int = 0) -> HTMLResponse:
        """A document with one passage marked; `start` and `length` in characters of the converted text."""
        try:
            text = parts.retriever.document(source)
        except UnknownDocument as error:
            return HTMLResponse(_page("Not found", html.escape(str(error))), status_code=404)
        except DuodeskError as error:
            return HTMLResponse(_page("Not available", html.escape(str(error))), status_code=503)
        return HTMLResponse(_page(html.escape(source), _marked(text, start, length)))


def _page(title: str, body: str) -> str:
    return PAGE.format(title=title, body=body)


def _marked(text: str, start: int, length: int) -> str:
    start = max(0, min(start, len(text)))
    end = max(start, min(start + length, len(text)))
    before, passage, after = (html.escape(part) for part in (text[:start], text[start:end], text[end:]))
    return f'{before}<mark id="passage">{passage}</mark>{after}'
