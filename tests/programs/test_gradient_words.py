"""What `watch-gradients` calls the numbers of a layer."""

import pytest

from microgradx.programs import PROGRAMS, Run
from microgradx.programs.gradients import Gradients, Weight


@pytest.mark.parametrize(
    ("update", "word"), [(0.2, "large steps"), (1e-3, "learning"), (1e-5, "learning"), (2.5e-6, "almost still")]
)
def test_steps_are_called_by_their_size_beside_the_weight(update: float, word: str) -> None:
    assert Weight("w", gradient=0.1, weight=1.0, update=update, largest=0.1).words.startswith(word)


def test_a_weight_of_zero_that_does_not_move_has_taken_no_step() -> None:
    seen = Gradients()
    PROGRAMS["xor-zero"].run(Run([seen]), epochs=1)
    assert [each.update for each in seen.epochs[0].weights] == [0.0, 0.0]
