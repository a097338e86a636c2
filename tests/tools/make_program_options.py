"""Writes cli/microgradx_cli/program_options.json: the programs' options, which --help reads without importing them.

Run it after changing an option of a program:

    python -m tests.tools.make_program_options
"""

import json
from pathlib import Path

import microgradx_cli
from microgradx.programs import PROGRAMS, WITH_FILES
from microgradx.programs.options import OPTIONS

FILE = Path(microgradx_cli.__file__).with_name("program_options.json")
COMMAND = "python -m tests.tools.make_program_options"


def text() -> str:
    """What each option means, which of them need no value, and the options of each program."""
    programs = {**PROGRAMS, **WITH_FILES}.values()
    return json.dumps(
        {
            "options": {option: f"{row.words}." for option, row in OPTIONS.items()},
            "switches": sorted({o for each in programs for o in each.options if each.accepts(o) is bool}),
            "programs": {each.name: {o: each.described(o) for o in each.options} for each in programs},
        },
        indent=1,
        ensure_ascii=False,
    )  # fmt: skip


if __name__ == "__main__":
    FILE.write_text(f"{text()}\n", encoding="utf-8")
