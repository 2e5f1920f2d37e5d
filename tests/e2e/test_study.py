"""The Study page: a study is planned and watched, its pairs are rated blind by keys, and its verdict taken away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from core.studies import Rating, Study

from .conftest import Server, keep_screenshot
from .scripted_rater import BETWEEN_KEYS_MS, rate
from .steps import arrive_to_rate, choose, eventually, open_tab, tab_until, visit


def pair(page: Page) -> str:
    return "\n".join(page.locator("#pair .asked, #pair .cards").all_inner_texts())


def press(page: Page, key: str, rated: int) -> None:
    """Presses a key, not too soon after the one before, and waits for the count of rated pairs."""
    page.wait_for_timeout(BETWEEN_KEYS_MS)
    page.keyboard.press(key)
    expect(page.locator("#pair")).to_contain_text(f"{rated} of ")


def votes(server: Server, study: Study) -> list[Rating]:
    """In the order in which they came."""
    cast = [rating for rating in server.store.studies.ratings(study.id) if rating.choice]
    return sorted(cast, key=lambda rating: rating.place or 0)


def test_a_study_is_fixed_as_it_was_planned(study: Study, server: Server):
    plan = study.plan
    assert [arm.name for arm in plan.arms] == ["bare", "prompt", "lora", "lora+prompt"]
    assert {arm.spec.template for arm in plan.arms} == {"quick"}
    assert (plan.decides, plan.limit, plan.ratings) == (("lora+prompt", "prompt"), 4, 24)
    assert server.store.studies.answer_counts(study.id) == {arm.name: 4 for arm in plan.arms}


def test_a_file_of_questions_tells_by_what_it_can_measure(page: Page, tmp_path: Path):
    file = tmp_path / "ours.csv"
    file.write_text("question,answer,topic\nOpen?,Until six.,hours\nWhere?,In Delft.,place\n", encoding="utf-8")
    open_tab(page, "New study")
    looked = page.locator("#plan-look")
    expect(looked).to_contain_text("required facts given")
    page.locator("#plan-file input[type=file], input[type=file]").first.set_input_files(file)
    expect(page.locator("#plan-questions textarea, #plan-questions input")).to_have_value(re.compile("ours.csv$"))
    expect(looked).to_contain_text("2 topics")
    expect(looked).not_to_contain_text("required facts given")
    expect(page.get_by_label("Measured by")).to_have_value(re.compile("reference"))
    expect(page.locator("#plan-planning")).to_contain_text("2 questions")


def test_votes_by_key_are_kept_undone_and_not_mistaken_for_typing(page: Page, server: Server, study: Study):
    before = len(votes(server, study))
    arrive_to_rate(page, study.id)
    first = pair(page)
    page.reload()
    expect(page.locator("#pair .asked")).to_be_visible()
    assert pair(page) == first, "the reserved pair is another after a reload"

    press(page, "1", rated=1)
    assert pair(page) != first
    page.keyboard.press("2")  # at once: nobody has read the second pair
    press(page, "u", rated=0)
    assert pair(page) == first
    press(page, "x", rated=1)

    page.keyboard.press("c")
    comment = page.locator("#vote-comment textarea")
    expect(comment).to_be_focused()
    page.keyboard.type("s0 12 ux")
    expect(comment).to_have_value("s0 12 ux")
    page.keyboard.press("Escape")
    press(page, "0", rated=2)
    expect(comment).to_have_value("")

    second, third = pair(page), ""
    page.wait_for_timeout(BETWEEN_KEYS_MS)
    page.keyboard.press("s")
    eventually(page, lambda: pair(page) != second)
    third = pair(page)
    page.reload()
    expect(page.locator("#pair .asked")).to_be_visible()
    assert pair(page) == third, "a skipped pair came back"
    cast = votes(server, study)[before:]
    assert [(vote.choice, vote.comment) for vote in cast] == [("both_bad", ""), ("tie", "s0 12 ux")]


def test_a_rater_gets_no_arm_and_no_result_and_can_do_all_by_tab(visitor: Callable[..., Page], study: Study):
    page = visitor(width=390, height=844)
    arrive_to_rate(page, study.id)
    expect(page.get_by_role("tab")).to_have_count(0)
    shown = page.locator(".gradio-container").inner_text()
    assert not re.search(r"lora|bare|quick|four questions|Verdict", shown)
    left, right = (card.bounding_box() for card in page.locator("#pair article").all())
    assert left and right and left["y"] + left["height"] <= right["y"], "on a phone the answers stand side by side"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep_screenshot(page, "study-rate-narrow")
    tab_until(page, {"vote-left", "vote-right", "vote-tie", "vote-both-bad", "skip-pair"})


def test_several_raters_share_the_pairs_until_nothing_is_left(browser: Browser, server: Server, study: Study):
    def longer(question: str, left: str, right: str) -> str:
        assert question and left and right
        return "left" if len(left) > len(right) else "right"

    before = len(votes(server, study))
    raters = rate(browser, server.url, study.id, raters=2, votes=8, rule=longer, noise=0.0, guesses=0.5)
    cast = votes(server, study)[before:]
    assert [rater.choices.total() for rater in raters] == [4, 4]
    assert len({vote.rater for vote in cast}) == 2 and len(cast) == 8
    assert {vote.choice for vote in cast} <= {"left", "right"}
    assert any(vote.guessed_left for vote in cast)


def test_the_verdict_is_shown_and_taken_away(browser: Browser, server: Server, owner: Page, study: Study):
    rate(browser, server.url, study.id, raters=1, votes=1, rule=lambda *_: "left", noise=0.0)  # a pair to prefer
    open_tab(owner, "Verdict")
    report = owner.locator("#verdict-report")
    expect(report).to_contain_text("lora+prompt", timeout=60_000)
    keep_screenshot(owner, "study-verdict")
    expect(owner.locator("#verdict-progress")).to_contain_text(" ratings are cast")
    for label, ending in (("HTML", ".html"), ("CSV", ".zip"), ("JSONL", ".jsonl"), ("Preference", ".jsonl")):
        with owner.expect_download() as download:
            owner.get_by_role("button", name=label).click()
        assert download.value.suggested_filename.endswith(ending)
        assert download.value.path().stat().st_size > 0


def test_a_copied_study_with_another_arm_is_stopped_resumed_and_removed(owner: Page, study: Study, server: Server):
    visit(owner, "/study")
    owner.locator("#study-copy").click()
    expect(owner.get_by_label("Name of the study")).to_have_value("Copy of four questions")
    arms = owner.locator("#plan-arms")
    for name in ("bare", "lora"):
        arms.get_by_role("button", name=name, exact=True).click()
        expect(owner.get_by_label("Name of the arm")).to_have_value(name)
        owner.get_by_role("button", name="Remove the chosen arm").click()
        expect(arms.get_by_role("button", name=name, exact=True)).to_have_count(0)
    arms.get_by_role("button", name="prompt", exact=True).click()
    expect(owner.get_by_label("Name of the arm")).to_have_value("prompt")
    choose(owner, "Template of the arm", "endless")
    owner.get_by_role("button", name="Change the chosen arm").click()
    expect(arms).to_contain_text("endless")
    owner.get_by_label("Ratings by people (0: none)").fill("4")
    owner.locator("#plan-start").click()

    mark = owner.locator("#study-state .mark")
    expect(mark).to_have_text("running")
    owner.locator("#study-stop").click()
    expect(mark).to_have_text("stopped")
    expect(owner.locator("#study-start")).to_have_text("Resume")
    owner.once("dialog", lambda dialog: dialog.accept())
    owner.locator("#study-remove").click()
    expect(owner.locator("#study-list")).not_to_contain_text("Copy of four questions")
    assert [kept.id for kept in server.store.studies.studies()] == [study.id]
