"""Made-up studies whose truth is known: each function draws one and says of each claim on it whether it holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from study.statistics import simulated
from study.statistics.agreement import krippendorff_alpha
from study.statistics.bradley_terry import bradley_terry
from study.statistics.clusters import bootstrap_mean
from study.statistics.cost import break_even, cost_per_acceptable
from study.statistics.crossover import learning_curve
from study.statistics.equivalence import equivalence_p_value
from study.statistics.estimate import Estimate, Inference
from study.statistics.factorial import factorial_effects
from study.statistics.independent import independent_difference
from study.statistics.paired import bootstrap_difference, paired_difference, permutation_p_value
from study.statistics.planning import detectable_difference
from study.statistics.prediction_powered import prediction_powered_mean
from study.statistics.sample_ratio import SUSPICIOUS, sample_ratio_p_value
from study.statistics.sequential import confidence_sequence, difference_so_far, question_means
from study.statistics.shares import share
from study.statistics.win_rate import Verdict, win_rate

VERDICTS: tuple[Verdict, ...] = ("loss", "tie", "win")
SIZES = (0, 10, 25, 50, 100, 200, 400)
RISING = tuple(0.8 - 0.5 * (1 + size) ** -0.4 for size in SIZES)
CROSSING = 5**2.5 - 1  # rows at which that curve is at 0.7
STRENGTHS = (0.0, 0.4, 0.8, 1.0)


def holds(interval: Estimate | Inference, truth: float) -> bool:
    """Whether an interval holds the truth; that of an inference is its 95% interval."""
    ends = interval.interval() if isinstance(interval, Inference) else interval
    return ends.low <= truth <= ends.high


def one_rater(generator: np.random.Generator) -> dict[str, bool]:
    return _rate_and_ties(generator, "1 rater, 60 questions", 60, 1, 1)


def raters_who_differ(generator: np.random.Generator) -> dict[str, bool]:
    five, five_lead, _, _ = _win_rate(generator, 60, 2, 5, 0.3, 0.3)
    sure, _, _, _ = _win_rate(generator, 60, 2, 5, 0.3, 1.2)
    ten, _, _, _ = _win_rate(generator, 60, 2, 10, 0.6, 0.3)
    return {
        "win rate, 5 raters who differ, 60 questions twice": five,
        "the same less half, t": five_lead,
        "win rate, the same raters, a clear winner": sure,
        "win rate, 10 raters who differ much, 60 questions twice": ten,
    }


def questions_alone(generator: np.random.Generator) -> dict[str, bool]:
    """The bootstrap of questions, where raters differ."""
    made = simulated.votes(generator, 60, 2, 5, 0.3, 0.3)
    found = bootstrap_mean(made.points, made.questions)
    return {
        "win rate, 5 raters who differ, 60 questions twice, bootstrap of questions": holds(
            found, simulated.true_rates(0.3, 0.3)[0]
        )
    }


def few_raters(generator: np.random.Generator) -> dict[str, bool]:
    """Win rates of two to four, who differ as the five above do, twice as much, or not at all."""
    found = {}
    for how, spread in (("who differ", 0.3), ("who differ much", 0.6), ("alike", 0.0)):
        for raters in (2, 3, 4):
            for questions, each, lead in ((60, 2, 0.3), (40, 1, 1.2)):
                made = simulated.votes(generator, questions, each, raters, spread, lead)
                rate = share(made.points, made.questions, made.raters)
                often = "questions twice" if each == 2 else "questions, a clear winner"
                name = f"win rate, {raters} raters {how}, {questions} {often}"
                found[name] = holds(rate, simulated.true_rates(spread, lead)[0])
    return found


def raters_alike(generator: np.random.Generator) -> dict[str, bool]:
    return _rate_and_ties(generator, "5 raters alike, 20 questions twice", 20, 2, 5)


def _rate_and_ties(generator: np.random.Generator, who: str, questions: int, each: int, raters: int) -> dict[str, bool]:
    rate, lead, bootstrap, ties = _win_rate(generator, questions, each, raters, 0.0, 0.3)
    return {
        f"win rate, {who}": rate,
        "the same less half, t": lead,
        "the same, bootstrap": bootstrap,
        f"share of ties, {who}": ties,
    }


def _win_rate(
    generator: np.random.Generator, questions: int, each: int, raters: int, rater_spread: float, lead: float
) -> tuple[bool, bool, bool, bool]:
    made = simulated.votes(generator, questions, each, raters, rater_spread, lead)
    rate, ties = simulated.true_rates(rater_spread, lead)
    found = win_rate([VERDICTS[place] for place in (2 * made.points).astype(int)], made.questions, made.raters)
    return (
        holds(found.rate, rate),
        holds(found.lead, rate - 0.5),
        holds(found.bootstrap, rate),
        holds(found.shares["tie"], ties),
    )


def true_strengths(questions: int = 100_000, rater_spread: float = 0.0) -> np.ndarray:
    """What Bradley-Terry finds on very many questions, of as many raters: differences of strengths to the first arm,
    the covariate."""
    many = simulated.pair_votes(np.random.default_rng(0), STRENGTHS, questions, questions, rater_spread)
    found = bradley_terry(many.left, many.right, many.points, many.questions, many.longer).parameters
    return np.array([*(found[: len(STRENGTHS)] - found[0]), found[-1]])


def strengths(generator: np.random.Generator, truth: np.ndarray) -> dict[str, bool]:
    made = simulated.pair_votes(generator, STRENGTHS, 60)
    found = bradley_terry(made.left, made.right, made.points, made.questions, made.longer)
    return {
        "Bradley-Terry, difference of neighbours": holds(found.difference("arm 3", "arm 2"), truth[3] - truth[2]),
        "Bradley-Terry, difference of extremes": holds(found.difference("arm 3", "arm 0"), truth[3]),
        "Bradley-Terry, covariate": holds(found.coefficient(0), truth[-1]),
    }


def strengths_by_raters(generator: np.random.Generator, truth: np.ndarray, raters: int) -> dict[str, bool]:
    """Of raters who differ, on all arms."""
    made = simulated.pair_votes(generator, STRENGTHS, 60, raters, 0.3)
    found = bradley_terry(made.left, made.right, made.points, made.questions, made.longer, made.raters)
    who = f"{raters} raters who differ"
    return {
        f"Bradley-Terry, {who}, difference of neighbours": holds(
            found.difference("arm 3", "arm 2"), truth[3] - truth[2]
        ),
        f"Bradley-Terry, {who}, difference of extremes": holds(found.difference("arm 3", "arm 0"), truth[3]),
    }


def automatic_scores(generator: np.random.Generator) -> dict[str, bool]:
    means = (0.3, 0.6, 0.55, 0.7)
    made = simulated.facts(generator, means, 60)
    bare, prompt, lora, both = made
    effects = factorial_effects({"bare": bare, "prompt": prompt, "lora": lora, "lora+prompt": both})
    paid = generator.gamma(4, 1, size=60) * (1 + both)
    acceptable = (both == 1).astype(float)
    per_acceptable = cost_per_acceptable(paid, acceptable)
    saving = paired_difference(generator.gamma(4, 1.25, size=60), generator.gamma(4, 1, size=60), scale=0)
    paid_back = break_even(1000, saving)
    return {
        "paired difference": holds(paired_difference(both, prompt), 0.1),
        "paired difference, bootstrap": holds(bootstrap_difference(both, prompt), 0.1),
        "effect of retrieval": holds(effects["retrieval"], 0.225),
        "effect of the adapter": holds(effects["adapter"], 0.175),
        "interaction (-0.15 in truth)": holds(effects["interaction"], -0.15),
        "cost per acceptable answer": per_acceptable is None
        or holds(per_acceptable, 6.8 / simulated.true_all_right(0.7)),
        "break-even volume": (paid_back.low or np.inf) <= 1000 <= (paid_back.high or np.inf),
    }


def topics(generator: np.random.Generator) -> dict[str, bool]:
    """15 topics of 1 to 12 questions, which share their luck."""
    topic = np.repeat(np.arange(15), generator.integers(1, 13, size=15))
    ours = generator.normal(0.1, 0.2, size=15)[topic] + generator.normal(0, 0.3, size=len(topic))
    nothing = np.zeros_like(ours)
    return {
        "paired difference, 15 unequal topics": holds(paired_difference(ours, nothing, topic), 0.1),
        "paired difference, 15 unequal topics, bootstrap": holds(bootstrap_difference(ours, nothing, topic), 0.1),
    }


def judge(generator: np.random.Generator) -> dict[str, bool]:
    """A judge who agrees with people mostly, and is too kind."""
    leaning = generator.normal(size=400)
    people = (leaning + 0.5 * generator.normal(size=400) > 0).astype(float)
    judged = (leaning + 0.5 * generator.normal(size=400) > -0.5).astype(float)
    alone = prediction_powered_mean(people[:50], judged[:50], judged[50:], range(50), [1] * 50)
    return {"prediction-powered mean": holds(alone, 0.5)}


def judge_of_few_raters(generator: np.random.Generator) -> dict[str, bool]:
    """The same judge, and three or five people who differ, two of whom vote on each of 50 questions."""
    found = {}
    for raters in (3, 5):
        leaning = generator.normal(size=400)
        judged = (leaning + 0.5 * generator.normal(size=400) > -0.5).astype(float)
        question = np.repeat(np.arange(50), 2)
        rater = np.argsort(generator.random((50, raters)), axis=1)[:, :2].ravel()
        liking = 0.3 * generator.normal(size=raters)
        people = (leaning[question] + liking[rater] + 0.5 * generator.normal(size=100) > 0).astype(float)
        mean = prediction_powered_mean(people, judged[question], judged[50:], question, rater)
        found[f"prediction-powered mean, {raters} raters who differ"] = holds(mean, 0.5)
    return found


def live_split(generator: np.random.Generator) -> dict[str, bool]:
    """Customers who come more than once, and lean to one side."""
    many = _difference(generator, (150, 150), (0.7, 0.6))
    few = _difference(generator, (40, 40), (0.7, 0.6))
    unequal = _difference(generator, (30, 270), (0.9, 0.8))
    return {
        "difference of a split, 150 visitors an arm": holds(many, 0.1),
        "difference of a split, 40 visitors an arm": holds(few, 0.1),
        "difference of a split, 30 visitors against 270": holds(unequal, 0.1),
    }


def _difference(generator: np.random.Generator, visitors: tuple[int, int], rates: tuple[float, float]) -> Inference:
    ours, theirs = (simulated.rated_chats(generator, *arm) for arm in zip(visitors, rates, strict=True))
    return independent_difference(ours.thumbs, theirs.thumbs, ours.visitors, theirs.visitors, 1.0)


def split_alarms(generator: np.random.Generator) -> dict[str, bool]:
    """Arms that are the same: at the planned end, and at any look before it; and visitors as they were planned."""
    one, other = (simulated.rated_chats(generator, 200, 0.7) for _ in range(2))
    at_end = independent_difference(one.thumbs, other.thumbs, one.visitors, other.visitors, 1.0)
    ours, theirs = (arm.thumbs[np.unique(arm.visitors, return_index=True)[1]] for arm in (one, other))
    sequence = difference_so_far(ours, theirs)
    came = generator.multinomial(1000, (0.9, 0.1))
    ratio = sample_ratio_p_value(came.tolist(), (90, 10))
    return {
        "false alarm of a split, at its end": at_end.p_value() < 0.05,
        "false alarm of a split, at any look": sequence.low > 0 or sequence.high < 0,
        "false alarm of the sample ratio, at 5%": ratio is not None and ratio < 0.05,
        "false alarm of the sample ratio": ratio is not None and ratio < SUSPICIOUS,
    }


def learning(generator: np.random.Generator) -> dict[str, bool]:
    found = learning_curve(SIZES, *simulated.curves(generator, RISING, 0.7, 3, 20))
    crossover = found.crossover
    return {
        "crossover in training rows": (np.inf if crossover.low is None else crossover.low)
        <= CROSSING
        <= (np.inf if crossover.high is None else crossover.high),
        "score at 100 training rows": holds(found.scores[4], RISING[4]),
        "slope at the end": holds(found.slope, (RISING[-1] - RISING[-2]) / np.log2(401 / 201)),
    }


def agreement(generator: np.random.Generator, truth: float) -> dict[str, bool]:
    alpha = alpha_of_three(generator, 60, 200)
    return {"Krippendorff's alpha": alpha is not None and holds(alpha, truth)}


def alpha_of_three(generator: np.random.Generator, items: int, resamples: int) -> Estimate | None:
    """Three raters, each of whom takes 40% of the items at random for another choice."""
    true = generator.integers(3, size=items)
    voted = np.where(generator.random((3, items)) < 0.4, generator.integers(3, size=(3, items)), true)
    raters, item = np.indices(voted.shape)
    return krippendorff_alpha(
        raters.ravel().astype(str).tolist(), item.ravel(), voted.ravel().astype(str).tolist(), resamples=resamples
    )


def false_alarms(generator: np.random.Generator) -> dict[str, bool]:
    """Arms that are the same, and an interval that leaves this out at any of 300 looks."""
    _, left_out = _looks(generator, 0.0)
    return {"false alarm, confidence sequence, 300 looks": left_out(0.5)}


def alarms_of_raters_who_differ(generator: np.random.Generator) -> dict[str, bool]:
    """Arms that are the same to people at large, and five raters who lean to one of them or the other: of these raters
    the sequence speaks, and of other people it promises nothing."""
    made, left_out = _looks(generator, 0.3)
    return {
        "false alarm, 300 looks, 5 raters who differ: of these raters": left_out(made.panel_rate),
        "false alarm, 300 looks, 5 raters who differ: of people at large, not promised": left_out(0.5),
    }


def _looks(generator: np.random.Generator, rater_spread: float) -> tuple[simulated.Votes, Callable[[float], bool]]:
    """Votes on arms that are the same, and whether the sequence leaves a rate out at any of 300 looks."""
    made = simulated.votes(generator, 300, 2, 5, rater_spread, 0.0)
    arrival = generator.permutation(600)
    observed = question_means(made.points[arrival], made.questions[arrival], dict.fromkeys(map(str, range(300)), 2))
    found = confidence_sequence(observed)
    return made, lambda rate: bool(((found.low > rate) | (found.high < rate)).any())


def wrong_claims(generator: np.random.Generator) -> dict[str, bool]:
    """Tests of what is not so: arms that are the same, and arms that are just as far apart as matters."""
    one, other = simulated.facts(generator, (0.5, 0.5), 40)
    apart, farther = simulated.facts(generator, (0.45, 0.55), 200)
    return {
        "false alarm, paired t test": paired_difference(one, other).p_value() < 0.05,
        "false alarm, permutation test": permutation_p_value(one, other) < 0.05,
        "false alarm, equivalence at the margin": equivalence_p_value(paired_difference(apart, farther), 0.1) < 0.05,
    }


def power(generator: np.random.Generator) -> dict[str, bool]:
    lead = detectable_difference(50, 2, 0.5, spread=1.0)
    votes = lead + generator.normal(0, 0.5**0.5, size=(50, 1)) + generator.normal(0, 0.5**0.5, size=(50, 2))
    return {"power at the detectable difference": paired_difference(votes.mean(1), np.zeros(50)).p_value() < 0.05}
