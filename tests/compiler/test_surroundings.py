"""What a compiled function finds around it may change; what it would change itself is refused, with the line."""

import random
import re
import warnings
from functools import partial
from types import ModuleType

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn
from microgradx.compiler import CompileError
from microgradx.compiler.compiled import MOST
from microgradx.rules import forget

SCALE = 2.0
SEEN = []


def compiled(function):
    return mx.compile(function, fullgraph=True)


def test_arrays_and_tensors_that_are_closed_over_are_read_in_each_call():
    array, weight = np.array([1.0, 2.0]), mx.Tensor([3.0, 4.0])
    f = compiled(lambda x: (x * array * weight).sum())
    x = [1.0, 1.0]
    assert f.value_and_grad(x)[0] == 11.0
    array[0] = 10.0
    assert f.value_and_grad(x)[0] == 38.0
    weight.data = np.array([0.0, 1.0])
    value, (gradient,) = f.value_and_grad(x)
    assert value == 2.0
    np.testing.assert_array_equal(gradient, [0.0, 2.0])
    assert f.traces == 1


def test_a_view_of_a_closed_over_array_is_read_in_each_call():
    table = np.arange(6.0).reshape(2, 3)
    f = compiled(lambda x: x * mx.Tensor(table[0], requires_grad=False))
    assert f([1.0, 1.0, 1.0]).data.tolist() == [0.0, 1.0, 2.0]
    table[:] = 7.0
    assert f([1.0, 1.0, 1.0]).data.tolist() == [7.0, 7.0, 7.0]


def test_what_is_detached_follows_the_numbers_but_passes_no_gradient():
    weight = mx.Tensor([2.0])
    f = compiled(lambda x: (x * x.detach() * (weight * 1.0).detach()).sum())
    for number in (3.0, 5.0):
        value, (gradient,) = f.value_and_grad([number])
        assert value == 2 * number**2 and gradient == [2 * number]
    weight.data = np.array([1.0])
    assert f.value_and_grad([3.0])[0] == 9.0


def test_a_global_number_that_changes_makes_a_new_program(monkeypatch):
    f = compiled(lambda x: x * SCALE)
    assert f(3.0).data == 6.0
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert f(3.0).data == 15.0
    assert f.traces == 2


def test_a_closed_over_name_for_another_array_makes_a_new_program():
    array = np.array([1.0])

    def f(x):
        return x * array

    g = compiled(f)
    assert g([2.0]).data == [2.0]
    array = np.array([10.0])
    assert g([2.0]).data == [20.0]


def test_lists_and_settings_of_objects_are_watched():
    class Model:
        factors = (2.0,)

        def __init__(self):
            self.shift, self.more = 1.0, [0.0]

        def forward(self, x):
            return x * self.factors[0] + self.shift + self.more[-1]

    model = Model()
    f = compiled(lambda x: model.forward(x))
    assert f(1.0).data == 3.0
    model.shift = 5.0
    assert f(1.0).data == 7.0
    model.more.append(100.0)
    assert f(1.0).data == 107.0


def test_a_model_in_eval_is_another_program():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    f = compiled(lambda x: model(x))
    x = np.ones((1, 2))
    model.eval()
    np.testing.assert_array_equal(f(x).data, model(mx.Tensor(x)).data)
    model.train()
    mx.manual_seed(5)
    drawn = f(x).data
    mx.manual_seed(5)
    np.testing.assert_array_equal(drawn, model(mx.Tensor(x)).data)


def test_settings_are_baked_in():
    f = compiled(lambda x, how, flag: (x * 2.0 if how == "double" else x * 3.0) + (1.0 if flag else 0.0))
    assert [f(1.0, how, flag).data for how in ("double", "triple") for flag in (True, False)] == [3.0, 2.0, 4.0, 3.0]
    assert f.value_and_grad(1.0, "triple", True) == (4.0, (3.0, None, None))
    assert f.stats["programs"] == 5


def test_old_programs_make_room_for_new_ones():
    f = compiled(lambda x: x.sum())
    for n in range(1, MOST + 4):
        assert f(np.ones(n)).item() == n
    assert f.stats == {"programs": MOST, "most": MOST, "traces": MOST + 3, "eager": []}


def prints(x):
    y = x * 2.0
    print("hello")
    return y


def appends(x):
    SEEN.append(1)
    return x * 2.0


def fills(x):
    made = []
    made.append(x * 2.0)
    return made[0]


def counts(x):
    global SCALE
    SCALE = SCALE + 0.0 + 1e-9
    return x * 2.0


def draws(x):
    return x * float(mx.random.default_generator.uniform(0, 1, ()))


class Counter:
    calls = 0

    def __call__(self, x):
        self.calls = self.calls + 1
        return x * 2.0


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (prints, r'test_surroundings.py:\d+: print\("hello"\)'),
        (appends, r"test_surroundings.py:\d+: SEEN.append\(1\)"),
        (counts, r"test_surroundings.py:\d+: SCALE = SCALE"),
        (draws, "draws random numbers in a way of its own"),
    ],
)
def test_effects_are_reported_with_their_line(function, line):
    with pytest.raises(CompileError, match=line):
        compiled(function)(1.0)
    assert not SEEN


def test_with_effects_it_runs_eagerly_each_time(capsys):
    f = mx.compile(prints)
    with pytest.warns(UserWarning, match="It runs eagerly"):
        assert f(1.0).data == 2.0
    f(1.0)
    assert capsys.readouterr().out.count("hello") >= 2
    assert len(f.stats["eager"]) == 1 and re.search("hello", f.stats["eager"][0])


def test_an_effect_happens_once_per_call_when_it_runs_eagerly():
    seen = []

    def f(x):
        seen.append(x.data)
        return x * 2.0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = mx.compile(f)
        g(1.0)
        g(2.0)
    assert seen == [1.0, 2.0]


def test_a_list_of_its_own_is_no_effect():
    assert compiled(fills)(1.0).data == 2.0


def test_an_op_that_is_used_for_the_first_time_is_no_effect():
    cube = mx.op("cube_of_surroundings(x) = x ** 3", lambda x: x**3, x=lambda x: 3 * x**2)
    try:
        f = compiled(lambda x: cube(x).sum())
        assert f.value_and_grad([2.0])[1][0] == [12.0]
    finally:
        forget(cube.name)


def test_tracing_leaves_generators_and_gradients_as_they_were():
    weight = mx.Tensor([1.0])
    weight.grad = np.array([7.0])
    mx.manual_seed(1)
    state = mx.random.default_generator.get_state()
    f = compiled(lambda x: (mx.functional.dropout(x * weight, 0.5)).sum())
    f.source([1.0])
    assert mx.random.default_generator.get_state() == state
    assert weight.grad == [7.0]


def test_several_threads_may_call_one_program():
    from concurrent.futures import ThreadPoolExecutor

    f = compiled(lambda x: ((x * 2.0).exp() + x).sum())
    inputs = [np.full(5000, i / 10) for i in range(20)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: f(x).item(), inputs))
    np.testing.assert_allclose(found, [np.sum(np.exp(x * 2) + x) for x in inputs])


def test_results_are_not_overwritten_by_the_next_call():
    f = compiled(lambda x: (x * 2.0 + 1.0).reshape((2, 2)))
    first = f(np.arange(4.0))
    f(np.zeros(4))
    assert first.data.tolist() == [[1.0, 3.0], [5.0, 7.0]]
    x = np.arange(4.0)
    same = mx.compile(lambda x: x)(x)
    same.data[0] = 9.0
    assert x[0] == 0.0


def test_arrays_that_went_into_a_program_as_numbers_make_a_new_one_when_they_change():
    x = np.array([1.0, 2.0, 4.0])
    places, mask, table = np.array([0, 1]), np.array([True, False, False]), np.arange(6.0).reshape(2, 3)
    whole = np.array([1.0, 0.0, 0.0])
    for f, array, changed, wanted in (
        (lambda x: x[places].sum(), places, [2, 2], 8.0),
        (lambda x: x[mask].sum(), mask, [True, True, False], 3.0),
        (lambda x: (x * (table + 1.0)[0]).sum(), table, 1.0, 14.0),
        (lambda x: (x * float(table[0, 0])).sum(), table, 3.0, 21.0),
        (lambda x: (x * whole + float(whole.sum())).sum(), whole, [0.0, 1.0, 1.0], 12.0),
    ):
        g = compiled(f)
        g(x)
        array[...] = changed
        assert g(x).item() == wanted
        g(x)
        assert g.traces == 2


class Shared:
    factor, calls = 2.0, 0


def test_what_a_class_holds_is_watched_and_may_not_be_changed(monkeypatch):
    f = compiled(lambda x: x * Shared.factor)
    assert f(3.0).data == 6.0
    monkeypatch.setattr(Shared, "factor", 5.0)
    assert f(3.0).data == 15.0

    def counts(x):
        Shared.calls += 1
        return x * 2.0

    with pytest.raises(CompileError, match=r"it changes the attributes of the class Shared, at .*Shared.calls \+= 1"):
        compiled(counts)(1.0)
    assert Shared.calls == 0


class Scaling:
    def scaled(self, x):
        return x * SCALE


def test_methods_partial_functions_and_modules_are_looked_into(monkeypatch):
    settings = ModuleType("settings")
    settings.__file__ = "settings.py"
    exec("SHIFT, FACTOR = 1.0, 2.0\ndef shifted(x): return x * FACTOR + SHIFT", vars(settings))
    scaling, factors = Scaling(), [3.0]
    for f, change in (
        (lambda x: scaling.scaled(x), lambda: monkeypatch.setitem(globals(), "SCALE", 7.0)),
        (partial(lambda factors, x: x * factors[0], factors), lambda: factors.insert(0, 7.0)),
        (lambda x: x + settings.SHIFT, lambda: monkeypatch.setattr(settings, "SHIFT", 6.0)),
        (lambda x: settings.shifted(x), lambda: monkeypatch.setattr(settings, "FACTOR", 1.0)),
    ):
        g = compiled(f)
        before = g(1.0).data
        change()
        assert g(1.0).data == f(1.0) != before
        g(1.0)
        assert g.traces == 2


def test_writing_to_a_file_and_drawing_with_python_are_effects(tmp_path):
    with (tmp_path / "log").open("w") as file:

        def writes(x):
            file.write("a line")
            return x * 2.0

        for f in (writes, lambda x: sum((writes(x * float(k)) for k in range(300)), x)):  # alone, and in a large graph
            with pytest.raises(CompileError, match=r'happen only once, at .*file.write\("a line"\)'):
                compiled(f)(1.0)
    with pytest.raises(CompileError, match=r"happen only once, at .*random\(\)"):
        compiled(lambda x: x * random.random())(1.0)
