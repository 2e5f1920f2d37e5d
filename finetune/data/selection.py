"""Which rounds to keep when not all are wanted, and topics for rounds that come without."""

from __future__ import annotations

import heapq
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from core.training import Round

CANDIDATES = 2_000  # of a topic; their similarities fill 16 MB
FITTED = 20_000  # questions that clusters are found from
NAME_WORDS = 3


def select(rounds: Sequence[Round], count: int, seed: int) -> list[int]:
    """At most `count` diverse rounds, as rising indices: topics evenly, and within a topic what covers it best.

    Small topics are taken whole and the others share what they leave. Within a topic the questions are chosen greedily
    by facility location (Lin & Bilmes, "A class of submodular functions for document summarization", 2011) over the
    cosine similarity of TF-IDF vectors; a topic of more than CANDIDATES rounds is sampled first.
    """
    if count >= len(rounds):
        return list(range(len(rounds)))
    named = [said.topic for said in rounds]
    topics = named if any(named) else topics_of(rounds, seed)
    members: dict[str, list[int]] = {}
    for at, topic in enumerate(topics):
        members.setdefault(topic, []).append(at)
    shares = quotas({topic: len(inside) for topic, inside in members.items()}, count)
    drawn = random.Random(seed)
    chosen = []
    for topic, inside in members.items():
        if shares[topic] < len(inside):
            inside = sorted(drawn.sample(inside, min(len(inside), max(CANDIDATES, shares[topic]))))
            # Beyond CANDIDATES a random sample covers as well as anything.
            if len(inside) <= CANDIDATES:
                inside = [inside[at] for at in _covering([rounds[at].question for at in inside], shares[topic])]
        chosen += inside
    return sorted(chosen)


def first_of_shuffle(indices: Sequence[int], count: int, seed: int) -> list[int]:
    """At most `count` of the indices, rising: the first of a shuffle, so that more hold all that fewer hold."""
    shuffled = list(indices)
    random.Random(seed).shuffle(shuffled)
    return sorted(shuffled[:count])


def quotas(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of each topic: the same of each as far as they have so many, `count` in all, or all there are."""
    shares: dict[str, int] = {}
    left = count
    for done, topic in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        shares[topic] = min(sizes[topic], left // (len(sizes) - done))
        left -= shares[topic]
    return shares


def topics_of(rounds: Sequence[Round], seed: int) -> list[str]:
    """A topic for each round by clustering (k-means on TF-IDF), named by the words that tell it from the others.

    There are sqrt(n / 2) clusters, from 2 to 20; fewer where there is less to tell apart. Answers count too: on
    questions alone the clusters of a labelled set matched its labels by 0.64 (normalised mutual information), on both
    by 0.88.
    """
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    texts = [f"{said.question}\n{said.answer}" for said in rounds]
    # Words of every third text tell no topics apart, except in a handful of texts.
    for common in (0.3, 1.0):
        vectors, words = _tfidf(texts, token_pattern=r"(?u)\b[^\W\d_]{2,}\b", max_df=common)
        if words:
            break
    else:
        return ["all"] * len(rounds)
    fitted = vectors[np.sort(np.random.default_rng(seed).permutation(len(rounds))[:FITTED])]
    k = min(max(round((len(rounds) / 2) ** 0.5), 2), 20, len(rounds))
    with warnings.catch_warnings():  # of fewer distinct questions than clusters, which is no harm
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = KMeans(k, n_init=3, random_state=seed).fit(fitted).predict(vectors)
    usual = np.asarray(vectors.mean(axis=0)).ravel()
    names = {}
    for label in sorted(set(labels)):
        telling = np.asarray(vectors[labels == label].mean(axis=0)).ravel() - usual
        best = [word for word in np.argsort(-telling, kind="stable")[:NAME_WORDS] if telling[word] > 0]
        names[label] = " ".join(words[word] for word in best) or "other"
    return [names[label] for label in labels]


def _covering(questions: Sequence[str], count: int) -> list[int]:
    """`count` of them, chosen one after the other so that each raises most the sum over all of the similarity to the
    nearest chosen one. Gains only fall, so that an old one bounds the present (Minoux's lazy evaluation, 1978)."""
    import numpy as np

    vectors, _ = _tfidf(questions, analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32)
    if vectors is None:
        return list(range(count))
    similar = (vectors @ vectors.T).toarray()
    covered = np.zeros(len(questions), dtype=similar.dtype)
    bounds = [(-float(gain), at) for at, gain in enumerate(similar.sum(axis=0))]
    heapq.heapify(bounds)
    chosen: list[int] = []
    while len(chosen) < count:
        _, at = heapq.heappop(bounds)
        gain = float(np.maximum(similar[at] - covered, 0).sum())
        if bounds and (-gain, at) > bounds[0]:
            heapq.heappush(bounds, (-gain, at))
        else:
            chosen.append(at)
            covered = np.maximum(covered, similar[at])
    return chosen


def _tfidf(texts: Sequence[str], **how: Any) -> tuple[Any, list[str]]:
    """Sparse unit vectors, one row a text, and their terms; (None, []) when the texts hold no term at all."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, **how)
    try:
        vectors = vectorizer.fit_transform(texts)
    except ValueError:  # "empty vocabulary"
        return None, []
    return vectors, list(vectorizer.get_feature_names_out())
