"""The one look of all pages: a calm theme for light and dark, the style sheet, and the keys of the keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# System fonts: pages must not fetch anything from elsewhere.
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "Cascadia Mono", "Menlo", "monospace"]


def theme() -> Any:
    """A gradio theme with teal as the only accent."""
    import gradio as gr

    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=FONTS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        # Gradio's own subdued grey is too faint to read on white.
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_text_color="white",
    )


def style_sheet() -> str:
    return (HERE / "style.css").read_text(encoding="utf-8")


def head() -> str:
    """The script that every page carries: the theme switch and the keys for voting."""
    return f"<script>{(HERE / 'keys.js').read_text(encoding='utf-8')}</script>"
