"""What `import tegro` offers, and what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tegro

NAMES = """
__version__
AsyncTegro Tegro
Environment Settings
LocalSigner Signer Web3Signer load_keystore signer_from write_keystore
Balance BookLevel BookSnapshot Chain Fill Market Order OrderRequest OrderStatus OrderType Side Ticker Token Trade
TradeState
Absent Accepted CancelOutcome CancelRejected CancelUnknown Cancelled MarketPlan MarketResult NotSent PlaceOutcome
Rejected Resolution SeenOnChain TakenInstead Unknown
Journal JournalEntry MemoryJournal ResolverPolicy SqliteJournal
FilePins FirstUse MemoryPins PinBook pin_book
AllowanceManager AllowanceRefill Heartbeat PanicReport RefillPolicy Watchdog
EventStream LiveBooks OrderBook
BookChanged BookUpdated Connected Disconnected Lagged OrderEvent Resync Stale TradeEvent UserTradeEvent
Candle CandleFeed CandleStore Interval
AllowanceMissing BadReply ChainFailure Closed HistoryMissing InvalidInput JournalFailure LimitExceeded NotConnected
RateLimited Refused SigningRefused StoreFailure TegroError
"""
PUBLIC = NAMES.split()


def imported_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def imports_for_type_checkers() -> dict[str, str]:
    """Return the module of each name that a type checker sees in the package."""
    tree = ast.parse(Path(tegro.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.asname: node.module for node in block.body for alias in node.names}


def test_the_public_names_are_these():
    assert sorted(tegro.__all__) == sorted(PUBLIC)
    assert dir(tegro) == sorted(PUBLIC)


def test_every_public_name_is_there():
    assert all(getattr(tegro, name) is not None for name in PUBLIC)


def test_a_type_checker_sees_the_same_names_from_the_same_modules():
    assert imports_for_type_checkers() == tegro._HOME


def test_every_error_of_the_client_is_public():
    from tegro import errors

    assert {name for name in vars(errors) if isinstance(getattr(errors, name), type)} <= set(PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tegro' has no attribute 'nothing'"):
        _ = tegro.nothing


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"aiohttp", "web3", "eth_account", "coincurve", "msgspec", "tomlkit", "typer", "rich", "tegro.client"}
    assert not heavy & imported_after("import tegro")


def test_importing_the_client_imports_neither_web3_nor_eth_account():
    assert not {"web3", "eth_account", "typer"} & imported_after(
        "from tegro import AsyncTegro, Tegro, AllowanceManager, SqliteJournal, Web3Signer, load_keystore"
    )


def test_the_command_line_starts_without_the_client():
    assert not {"aiohttp", "web3", "eth_account"} & imported_after("import tegro.cli.main")
