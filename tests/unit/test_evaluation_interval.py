"""How often a training looks at its validation loss."""

from core.training import Recipe
from finetune.trainer import evaluation_interval


def test_a_small_set_is_not_evaluated_after_every_step_but_four_times_in_all():
    assert evaluation_interval(batches=2, recipe=Recipe(epochs=9)) == 4
    assert evaluation_interval(batches=3, recipe=Recipe(epochs=12)) == 5


def test_larger_sets_are_evaluated_as_often_an_epoch_as_the_recipe_says():
    assert evaluation_interval(batches=60, recipe=Recipe(epochs=8)) == 60
    assert evaluation_interval(batches=60, recipe=Recipe(epochs=8, evaluations=4)) == 15
    assert evaluation_interval(batches=1, recipe=Recipe(epochs=2)) == 1
