"""Stands in for CPython's private C module where a test file imports names of it at its top.

The methods that use these names look at CPython's own object layout, and stand in excluded.toml.
"""


def has_inline_values(obj):
    raise NotImplementedError("how instances are laid out in CPython")


def get_recursion_depth():
    # The tests' own support falls back on counting frames.
    raise ImportError("the depth of CPython's stack")
