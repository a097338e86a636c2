"""The same, fast: a traced graph as straight-line source that people can read."""

from microgradx.compiler.compiled import Compiled, compile
from microgradx.compiler.explanation import Explanation, explain_compile
from microgradx.compiler.joint import CompileError
from microgradx.compiler.training import CompiledStep, compile_step

__all__ = ["CompileError", "Compiled", "CompiledStep", "Explanation", "compile", "compile_step", "explain_compile"]
