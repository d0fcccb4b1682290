"""The command page, block by block, against localnet; and what it says of the program."""

import re
import shlex

from doc_pages import ROOT, texts
from eth_account import Account

from tegro.verify.trading import FACTS

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
BLOCKS = texts(ROOT / "docs" / "cli.md", "sh")


def commands():
    for line in "".join(BLOCKS).splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def test_every_block_of_the_page_runs(local, localnet):
    """The blocks need a wallet with money once there is one, and a trade, as a running localnet has them."""
    seller, buyer = localnet.new_wallet(), localnet.new_wallet()
    for wallet, side in ((seller, "sell"), (buyer, "buy")):
        local.use(wallet)
        assert local("order", "place", "WETH_USDC", side, "1", "3000", "--yes", "--env", "localnet").code == 0
    local.use(None)
    local.set(TEGRO_ENV=None)
    ran = 0
    for name, *words in commands():
        if name == "export":
            variable, _, value = words[0].partition("=")
            local.set(**{variable: value})
            continue
        assert name == "tegro"
        may_fail = words[-2:] == ["||", "true"]
        done = local(*(words[:-2] if may_fail else words))
        assert done.code == 0 or (may_fail and done.code == 1), (words, done)
        ran += 1
        if words[:2] == ["wallet", "new"]:
            key = Account.decrypt((local.folder / words[2]).read_text(), "correct horse battery staple")
            localnet.fund(Account.from_key(key).address)
    assert ran > 20


def test_the_page_names_every_command_and_every_fact(cli):
    listed = re.findall(r"^│ ([a-z]+)", cli("--help").out, re.MULTILINE)
    # The siblings' commands have pages of their own.
    for command in set(listed) - {"localnet", "demo", "hummingbot"}:
        assert f"tegro {command}" in PAGE, command
    for number, fact, section in FACTS:
        assert f"| {number} | {fact} | {section} |" in PAGE
