"""Exchanges as HTML: the table of the Transcripts page and the details of one exchange.

Everything here takes exchanges that have passed core.comparison.veil, and escapes every text.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import asdict

from app.widgets import moment, prompt_html, source_link
from core.types import Answer, Arm, Exchange, Vote

BLIND = "blind until voted"
HEADS = ("When (UTC)", "Question", "Arm", "Outcome", "First token", "Total", "Rating")


def is_blind(exchange: Exchange) -> bool:
    """Whether its arms are still a secret."""
    return exchange.chat.kind == "blind" and not exchange.chat.locked


def counting(exchange: Exchange) -> list[Answer]:
    """The answers that count: the newest one of a chat; both of a comparison, the left one first."""
    if exchange.chat.kind == "chat":
        return list(exchange.answers[-1:])
    return sorted(exchange.answers, key=lambda answer: answer.lane != exchange.chat.left)


def table(exchanges: Sequence[Exchange]) -> str:
    """One row an exchange; the question is a button that carries the exchange's identifiers."""
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    return (
        f'<div class="listing"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, exchanges))}</tbody></table></div>"
    )


def _row(exchange: Exchange) -> str:
    question = exchange.question
    withdrawn = ' <span class="mark">withdrawn</span>' if exchange.withdrawn else ""
    button = (
        f'<button type="button" data-chat="{html.escape(question.chat_id)}" '
        f'data-question="{html.escape(question.id)}">{html.escape(question.text)}</button>{withdrawn}'
    )
    cells = [
        html.escape(moment(question.created_at).removesuffix(" UTC")),
        button,
        html.escape(_arms(exchange)),
        _each(exchange, lambda answer: answer.outcome),
        "" if is_blind(exchange) else _each(exchange, lambda answer: _seconds(answer.first_token_s)),
        "" if is_blind(exchange) else _each(exchange, lambda answer: _seconds(answer.total_s)),
        html.escape(rating(exchange)),
    ]
    lead = {"Question": ' class="lead"'}
    filled = (
        f'<td{lead.get(name, "")} data-head="{name}">{cell}</td>' for name, cell in zip(HEADS, cells, strict=True)
    )
    return f"<tr>{''.join(filled)}</tr>"


def _arms(exchange: Exchange) -> str:
    if is_blind(exchange):
        return BLIND
    return " | ".join(answer.arm.name if answer.arm else "unknown" for answer in counting(exchange))


def _each(exchange: Exchange, say: Callable[[Answer], str]) -> str:
    return html.escape(" | ".join(dict.fromkeys(say(answer) for answer in counting(exchange))) or "no answer")


def rating(exchange: Exchange) -> str:
    """Thumbs and votes in a few words."""
    ups = sum(thumb.value > 0 for thumb in exchange.thumbs)
    downs = len(exchange.thumbs) - ups
    said = [f"{count} {word}" for count, word in ((ups, "up"), (downs, "down")) if count]
    return ", ".join([*said, *(_verdict(exchange, vote) for vote in exchange.votes)])


def _verdict(exchange: Exchange, vote: Vote) -> str:
    if exchange.pair is None or vote.choice in ("tie", "both_bad"):
        return vote.choice.replace("_", " ")
    winner = exchange.pair.left_answer if vote.choice == "left" else exchange.pair.right_answer
    arm = next((answer.arm for answer in exchange.answers if answer.id == winner), None)
    return f"{vote.choice} won" + (f" ({arm.name})" if arm else "")


def details(exchange: Exchange) -> str:
    """All that is known of an exchange."""
    chat = exchange.chat
    address = f"/transcripts?chat={html.escape(chat.id)}"
    page = "/" if chat.kind == "chat" else "/compare"
    withdrawn = ' <span class="mark">withdrawn: edited or undone, no longer part of the chat</span>'
    blind = f'<p class="note">The arms are {BLIND}; so are times, passages and prompts.</p>'
    return (
        f'<section class="details" tabindex="-1" aria-label="Details of the chosen exchange">'
        f"<h3>{html.escape(exchange.question.text)}</h3>"
        f'<p class="note">{_kind(exchange)}, asked {moment(exchange.question.created_at)}'
        f"{withdrawn if exchange.withdrawn else ''}<br>"
        f'<a href="{address}">Link to this conversation\'s transcript</a> '
        f'<button type="button" data-copy="{address}">Copy link</button> '
        f'<a href="{page}?chat={html.escape(chat.id)}">Open it where it was asked</a> (for the person who asked)</p>'
        f"{blind if is_blind(exchange) else ''}"
        f'<div class="{"cards" if chat.kind != "chat" else "stack"}">{"".join(_answers(exchange))}</div>'
        f"{''.join(_vote(exchange, vote) for vote in exchange.votes)}</section>"
    )


def _kind(exchange: Exchange) -> str:
    chat = exchange.chat
    kind = {"chat": "Chat", "open": "Open comparison", "blind": "Blind comparison"}[chat.kind]
    return f"{kind} whose arm a split drew (‘{html.escape(chat.split_arm)}’)" if chat.split else kind


def _answers(exchange: Exchange) -> list[str]:
    if exchange.chat.kind != "chat":
        shown = counting(exchange)
        heads = ["Left answer", "Right answer"] if len(shown) == 2 else ["Answer"] * len(shown)
        return [_answer(exchange, answer, head) for answer, head in zip(shown, heads, strict=True)]
    newest_first = exchange.answers[::-1]
    heads = ["Answer", *["Earlier answer, regenerated"] * (len(newest_first) - 1)]
    cards = [_answer(exchange, answer, head) for answer, head in zip(newest_first, heads, strict=False)]
    return cards or ['<p class="note">No answer is on record.</p>']


def _answer(exchange: Exchange, answer: Answer, head: str) -> str:
    error = f'<p class="problem">{html.escape(answer.error)}</p>' if answer.error else ""
    cut = " at its longest" if answer.reason == "length" else ""
    facts: list[tuple[str, str]] = [("outcome", answer.outcome + cut)]
    if not is_blind(exchange):
        facts += _identity(answer.arm) if answer.arm else [("arm", "not known: it failed before")]
        facts += [
            ("first token", _seconds(answer.first_token_s)),
            ("total", _seconds(answer.total_s)),
            ("tokens", f"{answer.prompt_tokens} in the prompt, {answer.new_tokens} new"),
        ]
    facts += [
        (f"thumb {'up' if thumb.value > 0 else 'down'}", f"{_rater(thumb.rater)} {thumb.comment}")
        for thumb in exchange.thumbs
        if thumb.answer_id == answer.id
    ]
    return (
        f'<div class="card prompt"><h3>{head}</h3><p class="said">{html.escape(answer.text) or "<i>no text</i>"}</p>'
        f"{error}{_facts(facts)}{_passages(answer)}{_prompt(answer)}</div>"
    )


def _identity(arm: Arm) -> list[tuple[str, str]]:
    drawn = {name: value for name, value in asdict(arm.decoding).items() if name != "stop"}
    decoding = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in drawn.items())
    decoding += "".join(f", stop {text!r}" for text in arm.decoding.stop)
    return [
        ("arm", arm.name),
        ("base model", f"{arm.model} ({arm.model_hash})"),
        ("adapter", f"{arm.adapter} ({arm.adapter_hash})" if arm.adapter else "none"),
        ("template", f"{arm.template} version {arm.template_version} ({arm.template_hash})"),
        ("index", arm.index_version or "none: no retrieval"),
        ("engine", arm.engine or "not recorded"),
        ("decoding", decoding),
    ]


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{html.escape(value)}</dd>' for name, value in facts)}</dl>"


def _passages(answer: Answer) -> str:
    if not answer.passages:
        return ""
    items = "".join(
        f'<li><a href="{html.escape(source_link(p))}" target="_blank">{html.escape(p.title)}</a> '
        f'<span class="note">score {p.score:.3f}</span><pre>{html.escape(p.text)}</pre></li>'
        for p in answer.passages
    )
    return f"<details><summary>Passages ({len(answer.passages)})</summary><ol>{items}</ol></details>"


def _prompt(answer: Answer) -> str:
    if not answer.prompt:
        return ""
    return (
        f"<details><summary>Prompt as sent ({len(answer.prompt)} messages)</summary>"
        f"{prompt_html(answer.prompt)}</details>"
    )


def _vote(exchange: Exchange, vote: Vote) -> str:
    facts = [("by", f"{_rater(vote.rater)} {moment(vote.created_at)}")]
    facts += [(name, f"left {left}, right {right}") for name, (left, right) in vote.criteria.items()]
    facts += [("guess", f"left is {vote.guessed_left}")] if vote.guessed_left else []
    facts += [("comment", vote.comment)] if vote.comment else []
    return f'<div class="card"><h3>Vote: {html.escape(_verdict(exchange, vote))}</h3>{_facts(facts)}</div>'


def _rater(rater: str) -> str:
    """Enough to tell raters apart, too little to find all of theirs: the start of a name or a digest."""
    return f"rater {rater[:6]}"


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} s"
