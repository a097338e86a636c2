"""Every program keeps its promise with its default options, and tells a person who asks wrongly what is right."""

import pytest

from microgradx.explain import trace
from microgradx.graph import MicrogradxError
from microgradx.pictures import draw
from microgradx.programs import PROGRAMS, ProgramError, Run, find

SLOW = {"mnist", "fashion-mnist"}  # their files are not everywhere; test_mnist has small ones


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in SLOW])
def test_a_program_reaches_what_it_promises(name: str) -> None:
    run = PROGRAMS[name].run()
    assert run.reached, run.numbers
    assert run.blocks


@pytest.mark.parametrize("name", [name for name, each in PROGRAMS.items() if each.view and name not in SLOW])
def test_a_step_of_a_program_is_traced_and_drawn(name: str) -> None:
    view = PROGRAMS[name].view
    assert view is not None
    program = view.program()
    found = trace(program.function, **program.arguments, parameters=program.parameters, title=name)
    assert {found.rows[i].name for i in found.parameters} == set(program.parameters)
    assert f"trace of {name}" in str(found)
    names = {row.node: row.name for row in found.rows.values()}
    assert "<svg" in draw(found.rows[found.output].node, names=names, engine="wasi").svg


def test_equal_seeds_give_equal_numbers_and_others_do_not() -> None:
    first, again, other = (PROGRAMS["gates"].run(seed=seed, epochs=5).numbers for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epohs": 3}, "Did you mean epochs"),
        ({"batch_size": 3}, "takes no option batch_size"),
        ({"epochs": 0}, "above 0"),
        ({"epochs": "few"}, "a whole number"),
        ({"lr": float("nan")}, "above 0"),
        ({"seed": -1}, "from 0"),
        ({"optimizer": "magic"}, "one of sgd, momentum"),
    ],
)
def test_a_wrong_option_is_told_what_is_right(options: dict[str, object], told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        PROGRAMS["gates"].run(**options)


def test_an_unknown_program_is_told_what_is_near() -> None:
    with pytest.raises(ProgramError, match="Did you mean gates"):
        find("gate", PROGRAMS)


def test_a_program_of_several_models_keeps_none(tmp_path: object) -> None:
    with pytest.raises(MicrogradxError, match="takes no option save"):
        PROGRAMS["gates"].run(Run(save=tmp_path))  # type: ignore[arg-type]
