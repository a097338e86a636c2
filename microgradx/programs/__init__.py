"""The programs of the course: each trains on real or made data, says what it learned, and is a file to be read."""

from microgradx.programs.errors import ProgramError
from microgradx.programs.gates import GATES
from microgradx.programs.registry import TrainingProgram, find
from microgradx.programs.run import Run, Table

PROGRAMS: dict[str, TrainingProgram] = {each.name: each for each in (GATES,)}

__all__ = ["PROGRAMS", "ProgramError", "Run", "Table", "TrainingProgram", "find"]
