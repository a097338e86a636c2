"""How many examples Hypothesis tries: `dev` by default, `thorough` with `--hypothesis-profile=thorough`.

Both build on the profile that Hypothesis chose: where CI is set that is its own `ci` (the same examples every time).
"""

from hypothesis import settings

settings.register_profile("dev", settings.default, max_examples=20, deadline=None)
settings.register_profile("thorough", settings.default, max_examples=400, deadline=None)
settings.load_profile("dev")
