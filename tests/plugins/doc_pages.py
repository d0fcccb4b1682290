"""The pages of the documentation and their fenced blocks: what each is, and who runs it.

A block of a language that can be run runs in `tests/docs`, unless a comment in the page's source says otherwise:

- `<!-- tested by: PATH -->` on the line before a block: that file runs it, or compares it with what there is;
- `<!-- LANGUAGE is tested by: PATH -->` anywhere: that file does so with all blocks of the language on the page;
- `<!-- not run: REASON -->` on the line before a block: nobody does, and why.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = tuple(
    sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packages/*/README.md")], key=Path.as_posix)
)
SHELL: Final = frozenset({"sh", "bash", "console"})
RUNNABLE: Final = SHELL | {"python", "json", "jsonl", "toml", "yaml"}

_BLOCK: Final = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK: Final = re.compile(r"<!-- (tested by|not run): (.+?) -->$")
_PAGE_MARK: Final = re.compile(r"^<!-- (\w+) is tested by: (.+?) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Number of its first line of content."""
    language: str
    text: str
    tested_by: str = ""
    """Path of the file that takes care of it; empty where `tests/docs` does."""
    reason: str = ""
    """Why nobody runs it; empty where somebody does."""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def is_marked(self) -> bool:
        """Whether the page says who takes care of it."""
        return bool(self.tested_by or self.reason)


def read_blocks(page: Path, text: str | None = None) -> list[Block]:
    """Return all fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8") if text is None else text
    of_page = dict(_PAGE_MARK.findall(text))
    blocks = []
    for match in _BLOCK.finditer(text):
        kind, said = _mark_before(text, match.start())
        language = match[1].strip()
        blocks.append(
            Block(
                page=page,
                line=text.count("\n", 0, match.start(2)) + 1,
                language=language,
                text=match[2],
                tested_by=said if kind == "tested by" else "" if kind else of_page.get(language, ""),
                reason=said if kind == "not run" else "",
            )
        )
    return blocks


def texts(page: Path, *languages: str) -> list[str]:
    """Return the contents of a page's blocks in some languages, without those that the page says nobody runs."""
    return [block.text for block in read_blocks(page) if block.language in languages and not block.reason]


def without_blocks(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", text)


def faults(blocks: Iterable[Block]) -> list[str]:
    """Return one sentence for each block that nobody runs and that does not say why, or whose mark is not true."""
    found = []
    for block in blocks:
        if block.tested_by:
            tester = ROOT / block.tested_by
            if not tester.is_file():
                found.append(f"{block.place}: there is no {block.tested_by}")
            elif not _knows(tester.read_text(encoding="utf-8"), block):
                found.append(f"{block.place}: {block.tested_by} names neither the page nor a line of the block")
        elif block.language not in RUNNABLE and not block.reason:
            said = f"in {block.language!r}" if block.language else "without a language"
            found.append(f"{block.place}: a block {said} is run by nobody: mark it, see tests/plugins/doc_pages.py")
    return found


def _knows(source: str, block: Block) -> bool:
    lines = [line.strip() for line in block.text.splitlines() if line.strip()]
    return block.page.name in source or any(line in source for line in lines)


def _mark_before(text: str, start: int) -> tuple[str, str]:
    line = text[:start].removesuffix("\n").rpartition("\n")[2]
    match = _MARK.match(line)
    return (match[1], match[2]) if match else ("", "")
