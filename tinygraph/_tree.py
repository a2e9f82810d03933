"""Nested structures: tuples, lists and dicts of values, taken apart and put together again.

None holds no value; whatever else is no tuple, list or dict is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def align(template: Any, tree: Any) -> list[Any]:
    """Return the values of ``tree``, which is nested as ``template``, in the order of that.

    Raises
    ------
    ValueError
        If ``tree`` is nested in another way.
    """
    if template is None:
        if tree is not None:
            raise ValueError(f"expected None, not {type(tree).__name__}")
        return []
    if isinstance(template, dict):
        if not isinstance(tree, dict) or tree.keys() != template.keys():
            raise ValueError(f"expected a dict with the keys {list(template)}, not {_brief(tree)}")
        return [leaf for key in template for leaf in align(template[key], tree[key])]
    if isinstance(template, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(tree) != len(template):
            kind = type(template).__name__
            raise ValueError(f"expected a {kind} of length {len(template)}, not {_brief(tree)}")
        return [leaf for part in zip(template, tree, strict=True) for leaf in align(*part)]
    return [tree]


def _brief(tree: Any) -> str:
    if isinstance(tree, dict):
        return f"the keys {list(tree)}"
    name = type(tree).__name__
    return f"{name} of length {len(tree)}" if isinstance(tree, (tuple, list)) else name


def leaves(tree: Any) -> list[Any]:
    """Return the values in ``tree``, from left to right."""
    return align(tree, tree)


def paths(tree: Any, start: str = "") -> list[str]:
    """Return where the values in ``tree`` stand, from left to right, such as ``['x'][0]``."""
    if tree is None:
        return []
    if isinstance(tree, dict):
        children = list(tree.items())
    elif isinstance(tree, (tuple, list)):
        children = list(enumerate(tree))
    else:
        return [start]
    return [path for key, child in children for path in paths(child, f"{start}[{key!r}]")]


def build(template: Any, values: Iterator[Any]) -> Any:
    """Return what is nested as ``template`` is, with ``values`` in the place of its own."""
    if template is None:
        return None
    if isinstance(template, dict):
        return {key: build(child, values) for key, child in template.items()}
    if isinstance(template, (tuple, list)):
        children = [build(child, values) for child in template]
        named = hasattr(template, "_fields")
        return type(template)(*children) if named else type(template)(children)
    return next(values)
