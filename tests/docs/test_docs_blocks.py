"""Every block of the documentation runs: here, or where its page says, or the page says why it cannot.

The commands and programs of a page are one session of one reader, from the first to the last, in a home of its own.
"""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_pages import PAGES, ROOT, SHELL, Block, faults, read_blocks

from tegro.settings import Settings

READER = Path(__file__).with_name("reader.bash")
ENVIRONMENTS = ("mainnet", "testnet", "localnet")
PLACEHOLDERS = {"0xYourWallet": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"}
TAPE = "ETHUSDT-trades-2024-08-08.csv"
STARTS_A_VENUE = re.compile(r"^tegro localnet(?: --|\s*(?:#.*)?$)", re.MULTILINE)
NEEDS_A_VENUE = re.compile(r"^(?:tegro (?!perp confirm)|python '(?!-m))", re.MULTILINE)
PRINTED = {
    "docs/get-started.md": ("open: 0x", "Cancelled(cancelled=('"),
    "docs/verify.md": ("V03 holds", "V10 holds"),
    "docs/localnet.md": ("drop_reply", "envelope"),
}
"""Words that a page's session must print at least, where an exit code says little."""
YES = b"y\n" * 50
"""What the reader answers to every question."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def own_blocks(page: Path) -> list[Block]:
    """Return what of a page is left to this module."""
    return [block for block in read_blocks(page) if not block.is_marked]


def is_session(block: Block) -> bool:
    return block.language in SHELL or block.language == "python"


SESSIONS = [page for page in PAGES if any(map(is_session, own_blocks(page)))]
VALUES = [block for page in PAGES for block in own_blocks(page) if block.language in {"json", "jsonl", "toml", "yaml"}]


def command_of(block: Block, folder: Path) -> str:
    """Return what the reader types for a block."""
    if block.language in SHELL:
        text = re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE) if block.language == "console" else block.text
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(placeholder, value)
        return text
    file = folder / f"test_{block.page.stem.replace('-', '_')}_{block.line}.py"
    # The traceback of a program that fails shows the lines of the page.
    file.write_text("\n" * (block.line - 1) + block.text)
    # A program that only pytest can run is a test; no plug-ins but localnet's own are there.
    if re.search(r"^(?:async )?def test_", block.text, re.MULTILINE):
        return f"python -m pytest -q -p no:cacheprovider -c /dev/null --rootdir '{folder}' '{file}'\n"
    return f"python '{file}'\n"


@pytest.fixture
def folder(tmp_path):
    """Return an empty home that has a short tape of recorded trades."""
    rows = [f"{n},{2000 + n % 3},0.5,{(2000 + n % 3) / 2},{1_723_075_200_000 + n * 40},{n % 2 == 0}" for n in range(60)]
    text = "\n".join(["id,price,qty,quote_qty,time,is_buyer_maker", *rows]) + "\n"
    (tmp_path / TAPE).write_text(text)
    (tmp_path / f"{TAPE}.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


@pytest.fixture
def run(folder):
    """Return a function that runs a script in the reader's shell, on a terminal that answers each question with yes."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("TEGRO", "HUMMINGBOT"))}
        variables |= {
            "HOME": str(folder),
            "ROOT": str(ROOT),
            "COLUMNS": "200",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        terminal, stdin = os.openpty()
        os.write(terminal, YES)
        try:
            return subprocess.run(
                ["bash", "-c", f"{READER.read_text()}\n{script}"],
                cwd=folder,
                env=variables,
                stdin=stdin,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(stdin)
            os.close(terminal)

    return run


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_the_commands_and_programs_of_a_page_run_from_the_first_to_the_last(page, run, folder):
    blocks = [block for block in own_blocks(page) if is_session(block)]
    parts = [f"AT={block.place}\n{command_of(block, folder)}" for block in blocks]
    if NEEDS_A_VENUE.search("".join(parts)) and not STARTS_A_VENUE.search("".join(parts)):
        parts.insert(0, "tegro localnet\n")
    done = run("\n".join(parts))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [words for words in PRINTED.get(name_of(page), ()) if words not in done.stdout] == []
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", VALUES, ids=lambda block: block.place)
def test_what_a_page_shows_as_a_value_is_one(block, tmp_path):
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "jsonl":
        assert all(map(json.loads, block.text.splitlines()))
    elif block.language == "yaml":
        assert isinstance(yaml.safe_load(block.text), dict)
    else:
        file = tmp_path / "tegro.toml"
        file.write_text(block.text)
        settings = Settings.load(file, {})
        assert any(settings.environment(name) != Settings.load(None, {}).environment(name) for name in ENVIRONMENTS)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_is_run_or_says_why_not(page):
    assert faults(read_blocks(page)) == []
    # What is indented is no block to us: nobody would run it.
    assert re.findall(r"^[ \t]+```", page.read_text(), re.MULTILINE) == []


def test_a_reason_is_a_sentence():
    short = [block.place for page in PAGES for block in read_blocks(page) if block.reason and len(block.reason) < 20]
    assert short == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("```\nls\n```\n", "without a language"),
        ("```text\nhello\n```\n", "in 'text'"),
        ("<!-- tested by: tests/no_such_file.py -->\n```text\nhello\n```\n", "there is no tests/no_such_file.py"),
        ("<!-- tested by: LICENSE -->\n```text\nnobody says this\n```\n", "names neither the page nor a line"),
        ("<!-- sh is tested by: LICENSE -->\n```sh\nnobody-runs-this\n```\n", "names neither the page nor a line"),
    ],
)
def test_a_block_that_nobody_runs_is_named(text, sentence):
    [fault] = faults(read_blocks(ROOT / "docs/no-such-page.md", text))
    assert fault.startswith("docs/no-such-page.md:")
    assert sentence in fault


def test_a_page_whose_command_fails_is_named_with_its_line(run):
    done = run("AT=docs/page.md:12\ntegro --version\ntegro no-such-command\ntrue\n")
    assert done.returncode != 0
    assert "stopped in docs/page.md:12 at: command tegro" in done.stderr


def test_a_localnet_that_does_not_start_fails_the_page(run):
    done = run("tegro localnet --fee-bps 1000000\n")
    assert done.returncode != 0
    assert "fee" in done.stderr
