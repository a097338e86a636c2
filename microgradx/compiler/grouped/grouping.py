"""Many single numbers at once: a large graph of Values compiled into a few vector operations.

A function of Values makes a node for every number. Nodes of one depth and op do the same work, so one call of NumPy
does it for all of them: `read` finds these groups, `write` writes them down as lines.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np

from microgradx.compiler.grouped.read import Array, NoGroupsError, read
from microgradx.compiler.grouped.write import Writer
from microgradx.compiler.to_numpy.rows import preamble

FEWEST = 300  # numbers; below that, lines of plain Python are as good
_SHARE = 16  # numbers that a group should have on average

_VIEW = '''

def view(array, start, shape, strides):
    """The entries start + strides[0] * i + strides[1] * j + … of a flat array; nothing is copied."""
    return np.lib.stride_tricks.as_strided(array[start:], shape, [8 * stride for stride in strides])

'''


class Grouped:
    """A program over one array of numbers: arguments first, then constants, then group by group what is computed.

    Args:
        outputs: nodes; with gradients wanted, a single one.
        arguments: leaves.
        wanted: for how many of the arguments, from the first on, there are gradients.
        small: make a program of a few numbers, too.

    Raises:
        NoGroupsError: not all nodes are Values, or the graph is too small, or too deep for its size, to gain by this.
    """

    def __init__(self, outputs: Sequence[Any], arguments: Sequence[Any], wanted: int, small: bool = False) -> None:
        def most(count: int) -> int:
            return max(FEWEST, count // _SHARE) if small else count // _SHARE if count >= FEWEST else -1

        self.graph = graph = read(outputs, arguments, wanted, most)
        self.nodes = len(graph.places)
        count = int(graph.places.max()) + 1
        self.v, self.d = np.zeros(count), np.zeros(count if wanted else 0)
        self.v[graph.arguments :][: len(graph.constants)] = graph.constants
        self.writer = Writer(graph, self.v, self.d)
        self.writer.write(wanted > 0)
        self.results = graph.places[graph.outputs]
        self.reached = graph.reached[:wanted]
        self.lock = Lock()  # two threads must not meet in v
        body = "".join(f"    {line}\n" for line in [*self.writer.lines, "return"])
        space: dict[str, Any] = {**self.writer.objects, "v": self.v, "d": self.d}
        exec(f"{preamble(self.writer.needed)}\n\n\ndef step():\n{body}", space)  # source that we have just written
        self.step: Callable[[], None] = space["step"]

    def __call__(self, numbers: Sequence[tuple[slice, Any]]) -> tuple[list[float], Array]:
        """The results and the gradients, for the arguments' numbers part by part."""
        with self.lock, np.errstate(all="ignore"):
            for part, data in numbers:
                self.v[part] = data
            self.step()
            return self.v[self.results].tolist(), self.d[: len(self.reached)].copy()

    @property
    def summary(self) -> str:
        """What was found, in words."""
        calls = sum(not line.startswith("#") for line in self.writer.lines)
        return f"{self.nodes:,} numbers in {len(self.graph.groups)} groups, {calls} calls of NumPy"

    def source(self, name: str, arguments: dict[str, slice]) -> str:
        """The program as a module of its own; `arguments` says where the numbers of each are."""
        lines = [*self._head(), "", "", f"def {name}({', '.join(arguments)}):"]
        lines += [f"    v[{part.start}:{part.stop}] = {word}" for word, part in arguments.items()]
        lines += [f"    {line}" for line in self.writer.lines]
        results = ", ".join(f"v[{place}]" for place in self.results)
        gradients = [f"{word}=d[{part.start}:{part.stop}]" for word, part in arguments.items()]
        found = f", dict({', '.join(gradients)})" if len(self.d) else ""
        return "\n".join([*lines, f"    return ({results},){found}", ""])

    def script(self, title: str, names: Sequence[str], numbers: Array, chosen: Array, lr: float, steps: int) -> str:
        """A program that starts from `numbers`, takes steps of gradient descent on the chosen ones, prints the loss."""
        lines = [
            f'"""{title}: forward, backward and update, group by group, written by microgradx."""',
            "",
            *self._head(),
        ]
        lines += ["np.seterr(all='ignore')", "", f"v[:{len(numbers)}] = {_listed(numbers)}"]
        lines += [f"lr = {lr}", "", f"for step in range({steps}):"]
        lines += [f"    {line}" for line in self.writer.lines]
        lines += ["    # update"]
        for run in np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1):
            place = f"[{run[0]}:{run[-1] + 1}]"
            words = [names[k] for k in run.tolist()]
            lines.append(f"    v{place} -= lr * d{place}  # {', '.join(words[:8])}{' …' if len(words) > 8 else ''}")
        lines += [f"    if step % {max(1, steps // 10)} == 0 or step == {steps - 1}:"]
        return "\n".join([*lines, f"        print(step, v[{self.results[0]}])", ""])

    def _head(self) -> list[str]:
        """What stands before the lines: functions, memory, constants, views."""
        start, constants = self.graph.arguments, self.graph.constants
        lines = [preamble(self.writer.needed), _VIEW, f"v, d = np.zeros({len(self.v)}), np.zeros({len(self.d)})"]
        lines[-1] += "  # all numbers, and their gradients"
        if len(constants):
            lines.append(f"v[{start}:{start + len(constants)}] = {_listed(constants)}")
        return [*lines, *self.writer.made]


def _listed(numbers: Array) -> str:
    return f"[{', '.join(repr(x) if np.isfinite(x) else f'np.{x}'.replace('np.-', '-np.') for x in numbers.tolist())}]"


__all__ = ["Grouped", "NoGroupsError"]
