"""How near answers come to the answers that people gave: four scores a row.

All scores are larger for better answers. An answer that is empty, or failed, scores 0 in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.studies import TestQuestion

if TYPE_CHECKING:
    import numpy as np

METRICS = ("rouge_l", "chrf", "similarity", "nearest_topic_share")

Embed = Callable[[list[str]], Any]  # texts -> unit vectors [texts, size]


def score_answers(
    answers: Sequence[str], references: Sequence[TestQuestion], embed: Embed, pool: Sequence[TestQuestion] = ()
) -> dict[str, np.ndarray]:
    """All scores [answers] by the names in METRICS; `nearest_topic_share` is absent where no reference has a topic.

    `pool` is where the nearest answer is looked for, such as all of the test set; by default the references.
    """
    import numpy as np

    pool = pool or references
    said = np.array([bool(answer.strip()) for answer in answers])
    pairs = list(zip(answers, references, strict=True))
    vectors = np.asarray(embed(list(answers)), np.float32)
    known = np.asarray(embed([one.reference for one in references]), np.float32)
    scores = {
        "rouge_l": np.array([rouge_l(answer, one.reference) for answer, one in pairs]),
        "chrf": np.array([chrf(answer, one.reference) for answer, one in pairs]),
        "similarity": (vectors * known).sum(axis=1) * said,
    }
    if any(one.topic for one in pool):
        scores["nearest_topic_share"] = nearest_topic(vectors, references, embed, pool) * said
    return scores


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of lower-cased words, 0 to 1.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004, with beta 1 and without stemming.
    """
    from rapidfuzz.distance import LCSseq

    said, wanted = _words(answer), _words(reference)
    common = LCSseq.similarity(said, wanted)
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def chrf(answer: str, reference: str) -> float:
    """F2 of character n-grams up to 6, as sacrebleu counts it, but from 0 to 1.

    Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation", 2015.
    """
    from sacrebleu import sentence_chrf

    return sentence_chrf(answer, [reference]).score / 100


def nearest_topic(
    vectors: np.ndarray, references: Sequence[TestQuestion], embed: Embed, pool: Sequence[TestQuestion]
) -> np.ndarray:
    """For each answer [answers, size], 1 where the answer in `pool` that is nearest to it, its own reference aside,
    has the topic of its reference, else 0."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(2, len(pool)), metric="cosine", algorithm="brute")
    found = search.fit(np.asarray(embed([one.reference for one in pool]), np.float32)).kneighbors(
        vectors, return_distance=False
    )
    others = [[pool[place] for place in row if pool[place] != own] for row, own in zip(found, references, strict=True)]
    return np.array(
        [float(bool(near) and near[0].topic == own.topic) for near, own in zip(others, references, strict=True)]
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
