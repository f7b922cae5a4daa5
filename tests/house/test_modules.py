"""The shape of modules and functions that style promises."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sources import Function, functions, modules, name_of, parsed

MODULE_LINES = 300
FUNCTION_LINES = 40
CATCH_ALLS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
ENVIRONMENT_READERS = {
    "chalicelib/settings.py": "the only reader of the functions' environment",
    "agent/settings.py": "the agent's own",
    "agent/__main__.py": "hands it to the agent's settings",
    "chalicelib/adapters/sandbox_child.py": "a program of its own; it sets the time zone that templates see",
}


def test_a_module_is_about_one_noun() -> None:
    long = {name_of(path): lines for path in modules() if (lines := path.read_text().count("\n")) > MODULE_LINES}

    assert long == {}, f"past {MODULE_LINES} lines a module is two nouns: {long}"


def test_no_module_is_a_catch_all() -> None:
    assert [name_of(path) for path in modules() if path.stem in CATCH_ALLS] == []


def test_a_module_opens_with_why_it_exists() -> None:
    silent = [name_of(path) for path in modules() if parsed(path).body and ast.get_docstring(parsed(path)) is None]

    assert silent == []


def test_a_public_function_or_class_says_what_it_is() -> None:
    silent = [f"{name_of(path)}: {name}" for path in modules() for name in _silent(path)]

    assert silent == []


def test_no_function_is_too_long_to_read_at_once() -> None:
    long = [
        f"{name_of(path)}: {function.name} has {_lines(function)} lines"
        for path in modules()
        for function in functions(path)
        if _lines(function) > FUNCTION_LINES
    ]

    assert long == []


def test_only_settings_read_the_environment() -> None:
    reads = [f"{name_of(path)}:{line}" for path in modules() if _is_product(path) for line in _environment_reads(path)]

    assert reads == []


def _is_product(path: Path) -> bool:
    return not name_of(path).startswith("infra/") and name_of(path) not in ENVIRONMENT_READERS


def _silent(path: Path) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in parsed(path).body if isinstance(node, kinds) and not node.name.startswith("_")]
    silent = [node for node in public if node.name != "main" and ast.get_docstring(node) is None]
    return [node.name for node in silent if not _speaks_for_itself(node)]


def _speaks_for_itself(node: ast.stmt) -> bool:
    """One line under a good name needs no words."""
    return isinstance(node, ast.FunctionDef) and len(node.body) == 1 and node.body[0].end_lineno == node.body[0].lineno


def _lines(function: Function) -> int:
    """The lines of the body; the docstring does not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _environment_reads(path: Path) -> list[int]:
    names = ("environ", "environb", "getenv")
    return [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute) and node.attr in names]
