"""Plots of what training does, as matplotlib figures; matplotlib (the extra "plot") is loaded with the first one."""

from microgradx.plots.figures import (
    activation,
    boundary,
    contours,
    costs,
    curves,
    descent,
    filters,
    fitted,
    gradient_norms,
    of_model,
    save,
)

__all__ = [
    "activation", "boundary", "contours", "costs", "curves", "descent", "filters", "fitted", "gradient_norms",
    "of_model", "save",
]  # fmt: skip
