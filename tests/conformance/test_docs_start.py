"""The first page runs as it stands, and no page names a command, a target or a file that does not exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tegro.cli.main import build_app
from tegro.cli.plugins import add_commands

ROOT = Path(__file__).parents[2]
START = ROOT / "docs/get-started.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packages/*/README.md")])
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# In a block at the start of a line, or in running text between backquotes.
_COMMAND = re.compile(r"(?:^|`)tegro ([a-z][^`\n#&<>|]*)", re.MULTILINE)
_TARGET = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


def blocks(path, language):
    """Return the fenced blocks of a page in a language."""
    return [match[2] for match in _BLOCK.finditer(path.read_text()) if match[1] == language]


@pytest.mark.timeout(240)
def test_the_first_page_runs(localnet, tmp_path):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TEGRO_")}
    variables |= {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TEGRO_LOCALNET_REST_URL": localnet.rest_url,
        "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url,
    }
    (commands,), (program,) = blocks(START, "bash"), blocks(START, "python")
    # A localnet of the reader's own has the default port; and nobody is there to say yes.
    commands = commands.replace("tegro localnet fund", f"tegro localnet fund --url {localnet.rest_url}")
    commands = re.sub(r"^(tegro allowance .*)$", r"\1 --yes", commands, flags=re.MULTILINE)
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        ["bash", "-ec", f"{commands}\npython program.py"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "open: 0x" in done.stdout
    assert "Cancelled(cancelled=('" in done.stdout


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
    missing = [link for link in _LINK.findall(_BLOCK.sub("", page.read_text())) if not (page.parent / link).exists()]
    assert missing == []


def test_a_wrong_command_is_named(root):
    assert unknown_parts(root, ["markets", "--no-such-option"]) == ["--no-such-option"]
    assert unknown_parts(root, ["no-such-command"]) == ["no-such-command"]
    assert unknown_parts(root, ["localnet", "fund", "0x00", "--token", "WETH=1"]) == []
