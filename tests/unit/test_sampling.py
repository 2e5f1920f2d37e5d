"""The next token: greedy, penalised, drawn within the nucleus."""

import numpy as np
import pytest

from backends.engine.sampling import next_token
from core.types import Decoding

LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
GREEDY = Decoding()


def draws(decoding, n=2000):
    generator = np.random.default_rng(1)
    return np.bincount([next_token(LOGITS, decoding, [], generator) for _ in range(n)], minlength=4) / n


def test_greedy_takes_the_most_likely():
    assert next_token(LOGITS, GREEDY, [], np.random.default_rng()) == 0


def test_the_repetition_penalty_counts_for_tokens_already_seen():
    logits = np.array([2.0, 1.9, -1.0, 0.0], np.float32)
    decoding = Decoding(repetition_penalty=1.2)
    assert next_token(logits, decoding, [], np.random.default_rng()) == 0
    assert next_token(logits, decoding, [0], np.random.default_rng()) == 1
    assert logits[0] == 2.0, "the logits given were changed"


def test_the_penalty_is_that_of_transformers():
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    from backends.engine.sampling import _penalised

    logits = np.random.default_rng(0).normal(size=50).astype(np.float32)
    seen = [3, 7, 7, 49]
    expected = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([seen]), torch.tensor(logits[None]))[0]
    np.testing.assert_allclose(_penalised(logits, seen, 1.3), expected, rtol=1e-6)


def test_sampling_follows_the_shares_and_the_temperature():
    assert draws(Decoding(temperature=1.0)) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.04)
    assert draws(Decoding(temperature=0.2))[0] > 0.9


def test_top_p_draws_from_the_fewest_tokens_that_reach_it():
    shares = draws(Decoding(temperature=1.0, top_p=0.7))
    assert shares[2] == shares[3] == 0
    assert shares[0] == pytest.approx(0.5 / 0.8, abs=0.04)
    assert draws(Decoding(temperature=1.0, top_p=0.01))[0] == 1
