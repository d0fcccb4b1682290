"""Pins: the first word of a venue is kept, another one stops everything until a person has confirmed it."""

import json
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tegro.errors import InvalidInput, SigningRefused
from tegro.model import Chain, Token
from tegro.pins import FilePins, FirstUse, MemoryPins, PinnedToken, pin_book
from tegro.settings import Environment, FixedPins, Settings

CONTRACT = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
OTHER = "0x" + "e1" * 20
USDT = Token(address="0x7551122e441edbf3fffcbcf2f7fcc636b636482b", symbol="USDT", decimals=6)
WETH = Token(address="0x6b94a36d6ff05886d44b3dafabdefe85f09563ba", symbol="WETH", decimals=18)
NOW_MS = 1_700_000_000_000


def chain(contract=CONTRACT, chain_id=31337):
    return Chain(
        id=chain_id,
        name="localnet",
        exchange_contract=contract,
        settlement_contract="",
        default_quote_symbol="USDT",
        default_quote_address=USDT.address,
        min_order_value_wei=0,
        fee_percent=0,
    )


def token(base, **changes):
    return Token(**{"address": base.address, "symbol": base.symbol, "decimals": base.decimals} | changes)


@pytest.fixture
def environment(environment_at):
    return environment_at("http://127.0.0.1:8780")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "pins.json"


@pytest.fixture(params=["memory", "file", "file after a restart"])
def reopen(request, path):
    """Return a function that gives the book as the next call of a program would find it."""
    kept = MemoryPins(clock_ms=lambda: NOW_MS) if request.param == "memory" else FilePins(path, clock_ms=lambda: NOW_MS)
    if request.param == "file after a restart":
        return lambda: FilePins(path, clock_ms=lambda: NOW_MS)
    return lambda: kept


def test_the_first_use_is_pinned_and_told(reopen, environment, market):
    assert reopen().pinned(environment) is None
    uses = reopen().check_chain(environment, chain()) + reopen().check_market(environment, market)
    assert [str(use) for use in uses] == [
        f"localnet (chain 31337): from now on the exchange contract is {CONTRACT}",
        f"localnet (chain 31337): from now on the token at {WETH.address} is 'WETH' with 18 decimals",
        f"localnet (chain 31337): from now on the token at {USDT.address} is 'USDT' with 6 decimals",
    ]
    assert isinstance(uses[0], FirstUse)
    pinned = reopen().pinned(environment)
    assert pinned.exchange_contract == CONTRACT
    assert pinned.tokens[USDT.address] == PinnedToken(symbol="USDT", decimals=6)
    assert pinned.first_seen_ms == NOW_MS


def test_the_same_again_is_fine_and_silent(reopen, environment, market):
    for _ in range(2):
        reopen().check_chain(environment, chain())
        reopen().check_market(environment, market)
    assert reopen().check_chain(environment, chain()) + reopen().check_market(environment, market) == []


def test_another_contract_is_refused_until_it_is_confirmed(reopen, environment):
    reopen().check_chain(environment, chain())
    with pytest.raises(SigningRefused) as refusal:
        reopen().check_chain(environment, chain(OTHER))
    sentence = str(refusal.value)
    assert CONTRACT in sentence
    assert OTHER in sentence
    assert "`tegro pins confirm --env localnet`" in sentence
    # The venue going back to its first word does not settle it: somebody should look.
    for offered in (chain(), chain(OTHER)):
        with pytest.raises(SigningRefused, match="exchange contract"):
            reopen().check_chain(environment, offered)
    with pytest.raises(SigningRefused, match="exchange contract"):
        reopen().check_token(environment, USDT)
    assert len(reopen().pinned(environment).questions) == 1
    reopen().confirm(environment, chain(OTHER))
    assert reopen().check_chain(environment, chain(OTHER)) == []
    with pytest.raises(SigningRefused):
        reopen().check_chain(environment, chain())


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        (token(USDT, decimals=18), "'USDT' with 18 decimals"),
        (token(USDT, symbol="WETH"), "'WETH' with 6 decimals"),
        (token(USDT, address=OTHER), OTHER),
        (token(WETH, address=USDT.address), "'WETH' with 18 decimals"),
    ],
    ids=["decimals", "symbol", "another address under a known symbol", "two tokens swapped"],
)
def test_a_changed_token_is_refused_until_it_is_confirmed(reopen, environment, offered, named):
    reopen().check_token(environment, USDT)
    reopen().check_token(environment, WETH)
    with pytest.raises(SigningRefused) as refusal:
        reopen().check_token(environment, offered)
    assert named in str(refusal.value)
    for call in (lambda: reopen().check_token(environment, USDT), lambda: reopen().check_chain(environment, chain())):
        with pytest.raises(SigningRefused):
            call()
    reopen().confirm(environment, chain(), [offered])
    assert reopen().check_token(environment, offered) == []


def test_a_market_must_be_named_after_its_tokens(reopen, environment, make_market):
    reopen().check_market(environment, make_market())
    fake = make_market(base=token(WETH, address=OTHER, symbol="NEW"))
    with pytest.raises(SigningRefused, match="calls a market 'WETH_USDT', but its tokens 'NEW' and 'USDT'"):
        reopen().check_market(environment, fake)


def test_control_characters_of_a_symbol_do_not_reach_the_terminal(reopen, environment):
    with_escape = token(USDT, symbol="\x1b[2JUSDT")
    (use,) = reopen().check_token(environment, with_escape)
    assert "\x1b" not in str(use)
    with pytest.raises(SigningRefused) as refusal:
        reopen().check_token(environment, token(with_escape, address=OTHER))
    assert "\x1b" not in str(refusal.value)


def test_another_chain_is_refused(reopen, environment, make_market):
    for call in (
        lambda: reopen().check_chain(environment, chain(chain_id=1)),
        lambda: reopen().check_market(environment, make_market(chain_id=1)),
        lambda: reopen().confirm(environment, chain(chain_id=1)),
    ):
        with pytest.raises(SigningRefused, match="localnet is on chain 31337, but the venue offers chain 1"):
            call()
    assert reopen().pinned(environment) is None


# What the settings state


def test_the_settings_win_over_the_first_use(reopen, environment_at):
    url = "http://127.0.0.1:8780"
    reopen().check_chain(environment_at(url), chain())
    reopen().check_token(environment_at(url), USDT)
    fixed = environment_at(url, pins=FixedPins(exchange_contract=OTHER, tokens={USDT.address: 8}))
    assert reopen().check_chain(fixed, chain(OTHER)) == []
    assert reopen().check_token(fixed, token(USDT, decimals=8)) == []
    assert reopen().pinned(fixed).exchange_contract == OTHER
    sentence = rf"exchange contract .* is {CONTRACT}, but the settings say {OTHER} under \[localnet.pins\]"
    with pytest.raises(SigningRefused, match=sentence):
        reopen().check_chain(fixed, chain())
    with pytest.raises(SigningRefused, match=r"decimals .* is 6, but the settings say 8"):
        reopen().check_token(fixed, USDT)
    with pytest.raises(SigningRefused, match="the settings say"):
        reopen().confirm(fixed, chain())
    with pytest.raises(SigningRefused, match="the settings say"):
        reopen().confirm(fixed, chain(OTHER), [USDT])


def test_the_settings_hold_from_the_first_use_on(reopen, environment_at):
    fixed = environment_at("http://127.0.0.1:8780", pins=FixedPins(exchange_contract=CONTRACT))
    with pytest.raises(SigningRefused, match="the settings say"):
        reopen().check_chain(fixed, chain(OTHER))
    assert len(reopen().check_chain(fixed, chain())) == 1


def test_fixed_decimals_do_not_let_a_token_be_renamed(reopen, environment_at):
    fixed = environment_at("http://127.0.0.1:8780", pins=FixedPins(tokens={USDT.address: 6}))
    reopen().check_token(fixed, USDT)
    with pytest.raises(SigningRefused, match="'WETH' with 6 decimals"):
        reopen().check_token(fixed, token(USDT, symbol="WETH"))


def test_the_pins_of_the_settings_file(tmp_path):
    file = tmp_path / "tegro.toml"
    file.write_text(
        '[mainnet]\ntyped_data = "server"\n[mainnet.pins]\n'
        'exchange_contract = "0xa492c74aAc592F7951d98000a602A22157019563"\n'
        'tokens = { "0x833589FCD6EDB6E08F4C7C32D4F71B54BDA02913" = 6 }\n'
    )
    environment = Settings.load(file, {}).environment("mainnet")
    assert environment.typed_data == "server"
    assert environment.pins.exchange_contract == "0xa492c74aac592f7951d98000a602a22157019563"
    assert dict(environment.pins.tokens) == {"0x833589fcd6edb6e08f4c7c32d4f71b54bda02913": 6}
    silent = Settings.load(None, {}).environment("mainnet")
    assert (silent.pins, silent.typed_data) == (FixedPins(), "local")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("pins = 1", r"\[mainnet.pins\] must be a table"),
        ('pins = { contract = "0x" }', "unknown key 'contract'; known are exchange_contract, tokens"),
        ('pins = { exchange_contract = "0x12" }', "exchange_contract: an address is 0x and 40 hex digits"),
        ("pins = { exchange_contract = 5 }", "exchange_contract: an address is 0x and 40 hex digits"),
        ("pins = { tokens = 5 }", "tokens must be a table"),
        ('pins = { tokens = { "0x12" = 6 } }', "tokens: an address is 0x and 40 hex digits"),
        (f'pins = {{ tokens = {{ "{OTHER}" = "6" }} }}', "must be the token's decimals, from 0 to 77, was '6'"),
        (f'pins = {{ tokens = {{ "{OTHER}" = true }} }}', "from 0 to 77, was True"),
        (f'pins = {{ tokens = {{ "{OTHER}" = 78 }} }}', "from 0 to 77, was 78"),
        ('typed_data = "venue"', 'typed_data must be "local" or "server", was \'venue\''),
        ("typed_data = true", 'must be "local" or "server", was True'),
    ],
)
def test_pins_of_the_settings_file_that_cannot_be_right(tmp_path, lines, sentence):
    file = tmp_path / "tegro.toml"
    file.write_text(f"[mainnet]\n{lines}\n")
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        Settings.load(file, {})
    assert str(file) in str(refusal.value)


# Decimals that the chain has confirmed


def test_only_tokens_that_the_chain_has_not_confirmed_are_unverified(reopen, environment_at):
    environment = environment_at("http://127.0.0.1:8780")
    fixed = environment_at("http://127.0.0.1:8780", pins=FixedPins(tokens={WETH.address: 18}))
    assert reopen().unverified(environment, [USDT, WETH]) == [USDT, WETH]
    assert reopen().unverified(fixed, [USDT, WETH]) == [USDT]
    reopen().mark_verified(environment, [USDT])
    assert reopen().unverified(environment, [USDT]) == [USDT], "a token that is not pinned cannot be verified"
    reopen().check_token(environment, USDT)
    reopen().mark_verified(environment, [token(USDT, decimals=8), WETH])
    assert reopen().unverified(environment, [USDT, WETH]) == [USDT, WETH]
    reopen().mark_verified(environment, [USDT])
    assert reopen().unverified(environment, [USDT, WETH]) == [WETH]
    # Confirming the same keeps that; confirming other decimals does not.
    reopen().confirm(environment, chain(), [USDT])
    assert reopen().unverified(environment, [USDT]) == []
    reopen().confirm(environment, chain(), [token(USDT, decimals=8)])
    assert reopen().unverified(environment, [token(USDT, decimals=8)]) == [token(USDT, decimals=8)]


# Which venue


def test_venues_do_not_share_pins(reopen, environment_at):
    reopen().check_chain(environment_at("http://127.0.0.1:8780"), chain())
    for url in ("http://127.0.0.1:8781", "http://[::1]:8780", "https://127.0.0.1"):
        assert len(reopen().check_chain(environment_at(url), chain(OTHER))) == 1


def test_one_venue_is_one_however_it_is_written(reopen, environment_at):
    reopen().check_chain(environment_at("http://Venue.example"), chain())
    with pytest.raises(SigningRefused):
        reopen().check_chain(environment_at("http://venue.example"), chain(OTHER))


def test_only_localnet_is_kept_in_memory(path, environment):
    assert isinstance(pin_book(environment, path), MemoryPins)
    assert isinstance(pin_book(Settings.load(None, {}).environment("testnet"), path), FilePins)


# The file


def test_the_file_is_for_its_owner_alone_and_holds_no_password(path, environment_at):
    environment = environment_at("http://user:canary@127.0.0.1:8780")
    FilePins(path).check_chain(environment, chain())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name("pins.json.lock").stat().st_mode) & 0o077 == 0
    assert "canary" not in path.read_text()
    (pinned,) = json.loads(path.read_text()).values()
    assert pinned["exchange_contract"] == CONTRACT
    assert pinned["first_seen_ms"] > NOW_MS, "the machine's own clock"
    assert sorted(each.name for each in path.parent.iterdir()) == ["pins.json", "pins.json.lock"]


def test_a_known_venue_costs_no_write(path, environment):
    FilePins(path).check_chain(environment, chain())
    before = path.stat()
    FilePins(path).check_chain(environment, chain())
    assert path.stat() == before


def test_two_books_see_what_each_other_wrote(path, environment, market):
    one, two = FilePins(path), FilePins(path)
    assert len(one.check_chain(environment, chain())) == 1
    assert two.check_chain(environment, chain()) == []
    assert len(two.check_market(environment, market)) == 2
    assert one.check_market(environment, market) == []
    with pytest.raises(SigningRefused):
        two.check_chain(environment, chain(OTHER))
    with pytest.raises(SigningRefused, match=OTHER):
        one.check_chain(environment, chain())


def test_who_comes_second_compares_with_who_came_first(path, environment):
    class Slow(FilePins):
        """Another process pins between the first look and the lock."""

        def _read(self):
            found = super()._read()
            if not found:
                FilePins(path).check_chain(environment, chain())
            return found

    with pytest.raises(SigningRefused, match=OTHER):
        Slow(path).check_chain(environment, chain(OTHER))
    assert FilePins(path).pinned(environment).exchange_contract == CONTRACT


WRITER = """
import sys
from pathlib import Path
from tegro.model import Chain
from tegro.pins import FilePins
from tegro.settings import Settings
for number in range(20):
    url = f"http://127.0.0.1:{int(sys.argv[2]) + number}"
    environment = Settings.load(None, {"TEGRO_LOCALNET_REST_URL": url}).environment("localnet")
    FilePins(Path(sys.argv[1])).check_chain(environment, Chain(
        id=31337, name="", exchange_contract=sys.argv[3], settlement_contract="", default_quote_symbol="",
        default_quote_address="", min_order_value_wei=0, fee_percent=0))
"""


def test_two_processes_lose_none_of_each_others_pins(path):
    arguments = [(str(path), "1000", CONTRACT), (str(path), "2000", OTHER)]
    running = [subprocess.Popen([sys.executable, "-c", WRITER, *each]) for each in arguments]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert len(json.loads(path.read_text())) == 40


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mainnet": 1}', "[" * 100_000])
def test_a_damaged_file_stops_signing(path, environment, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SigningRefused, match=r"the pin file .*pins.json cannot be read"):
        FilePins(path).check_chain(environment, chain())
    assert path.read_text() == content, "it is evidence, and may be mended"


def test_a_file_that_cannot_be_written_stops_signing(environment):
    with pytest.raises(SigningRefused, match=r"the pin file /proc/.* cannot be written"):  # not even by root
        FilePins(Path("/proc/tegro-pins/pins.json")).check_chain(environment, chain())


def test_a_file_that_another_process_holds_too_long_stops_signing(path, environment):
    path.parent.mkdir()
    with FileLock(f"{path}.lock"), pytest.raises(SigningRefused, match="cannot be written"):
        FilePins(path, lock_timeout_secs=0).check_chain(environment, chain())
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file_and_no_draft(path, environment):
    FilePins(path).check_chain(environment, chain())
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        with pytest.raises(SigningRefused, match=r"cannot be written .*File too large"):
            FilePins(path).confirm(environment, chain(OTHER))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["pins.json", "pins.json.lock"]


# Any sequence of words of a venue


class Conversation(RuleBasedStateMachine):
    """A book in a file, restarted at will, beside a few lines that say what must happen."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "pins.json"
        self.book = FilePins(self.path)
        self.contract = None
        self.decimals = None
        self.in_question = False

    def teardown(self):
        self.folder.cleanup()

    def environment(self) -> Environment:
        return Settings.load(None, {}).environment("localnet")

    def passes(self, call) -> bool:
        try:
            call()
        except SigningRefused:
            return False
        return True

    @rule(contract=st.sampled_from([CONTRACT, OTHER]))
    def name_a_contract(self, contract):
        passed = self.passes(lambda: self.book.check_chain(self.environment(), chain(contract)))
        self.contract = self.contract or contract
        self.in_question |= contract != self.contract
        assert passed == (not self.in_question)

    @rule(decimals=st.sampled_from([6, 18]))
    def name_a_token(self, decimals):
        passed = self.passes(lambda: self.book.check_token(self.environment(), token(USDT, decimals=decimals)))
        self.decimals = self.decimals or decimals
        self.in_question |= decimals != self.decimals
        assert passed == (not self.in_question)

    @rule(contract=st.sampled_from([CONTRACT, OTHER]), decimals=st.sampled_from([6, 18]))
    def confirm(self, contract, decimals):
        self.book.confirm(self.environment(), chain(contract), [token(USDT, decimals=decimals)])
        self.contract, self.decimals, self.in_question = contract, decimals, False

    @rule()
    def restart(self):
        self.book = FilePins(self.path)

    @invariant()
    def the_book_says_the_same(self):
        pinned = self.book.pinned(self.environment())
        if pinned is not None:
            assert pinned.exchange_contract == self.contract
            assert bool(pinned.questions) == self.in_question


TestConversation = Conversation.TestCase
TestConversation.settings = hypothesis_settings(max_examples=40, stateful_step_count=15, deadline=None)
