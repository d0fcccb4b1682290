"""What the pages show of Hummingbot's own client, and no shell runs: it is what that client knows."""

import re

from doc_pages import PAGES, ROOT, texts
from hummingbot.client.config.client_config_map import ClientConfigMap
from hummingbot.client.config.config_helpers import ClientConfigAdapter


def test_the_settings_of_the_guide_are_hummingbots():
    [*_, shown] = texts(ROOT / "docs/connector-guide.md", "text")
    settings = ClientConfigAdapter(ClientConfigMap())
    for line in shown.splitlines():
        prompt, command, name, value = line.split()
        assert (prompt, command) == (">>>", "config")
        *sections, last = name.split(".")
        section = settings
        for each in sections:
            section = getattr(section, each)
        setattr(section, last, value)
    assert settings.rate_oracle_source.name == "tegro"
    assert settings.global_token.global_token_name == "USDC"


def test_the_words_to_look_for_in_the_log_are_in_the_program():
    page = (ROOT / "docs/operations.md").read_text()
    table = page[page.index("| words in the log |") :].partition("\n\n")[0]
    shown = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    program = "".join(path.read_text() for path in ROOT.glob("packages/hummingbot-tegro/src/**/*.py"))
    assert len(shown) > 5
    assert [words for words in shown if words not in program] == []


def test_every_test_that_a_page_names_exists():
    there = {path.name for folder in ("tests", "packages") for path in (ROOT / folder).rglob("test_*.py")}
    # The protocol page names tests of the old connector, where its facts are from.
    pages = [page for page in PAGES if page.name != "protocol.md"]
    named = {(page.name, name) for page in pages for name in re.findall(r"\btest_\w+\.py\b", page.read_text())}
    assert len(named) > 50
    assert sorted(each for each in named if each[1] not in there) == []


def test_every_file_that_the_recipes_name_exists():
    words = re.findall(r"`([\w./-]+\.(?:py|vy|pth|lock|md|sh))`", (ROOT / "CONTRIBUTING.md").read_text())
    folders = ("packages", "tests", "scripts", "docs")
    files = [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*.*"))]
    assert len(words) > 10
    assert [word for word in words if not any(file.as_posix().endswith(f"/{word}") for file in files)] == []
