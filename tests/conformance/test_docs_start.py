"""No page names a command, a target or a file that does not exist."""

import re

import pytest
import typer
from doc_pages import PAGES, ROOT, without_blocks

from tegro.cli.main import build_app
from tegro.cli.plugins import add_commands

# In a block at the start of a line, or in running text between backquotes.
_COMMAND = re.compile(r"(?:^|`)tegro ([a-z][^`\n#&<>|]*)", re.MULTILINE)
_TARGET = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


@pytest.fixture(scope="module")
def root():
    """Every command of the three packages."""
    app = build_app()
    add_commands(app, [])
    return typer.main.get_command(app)


def unknown_parts(command, words):
    """Return what of a command line does not exist: options anywhere, and names of commands."""
    # Typer carries its own copy of click, so the kinds are told apart by what they can do.
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            # A token in the place of a command, like `tegro allowance USDC`.
            return [] if words[0].isupper() else [words[0]]
        command, words = command.commands[words[0]], words[1:]
    known = {"--help"} | {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    words = words[: words.index("--")] if "--" in words else words
    return [word for word in words if re.match(r"--[a-z]", word) and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_exists(page, root):
    wrong = [
        f"tegro {line}: {word}"
        for line in _COMMAND.findall(page.read_text())
        for word in unknown_parts(root, line.replace(",", " ").replace(";", " ").rstrip(".:").split())
    ]
    assert wrong == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(_TARGET.findall(page.read_text())) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_links_to_exists(page):
    missing = [link for link in _LINK.findall(without_blocks(page.read_text())) if not (page.parent / link).exists()]
    assert missing == []


def test_a_wrong_command_is_named(root):
    assert unknown_parts(root, ["markets", "--no-such-option"]) == ["--no-such-option"]
    assert unknown_parts(root, ["no-such-command"]) == ["no-such-command"]
    assert unknown_parts(root, ["localnet", "fund", "0x00", "--token", "WETH=1"]) == []
