"""What `import tegro` offers, and what it costs."""

import subprocess
import sys

import pytest

import tegro

PUBLIC = [
    "Accepted",
    "AllowanceManager",
    "AsyncTegro",
    "Balance",
    "CancelRejected",
    "CancelUnknown",
    "Cancelled",
    "Environment",
    "EventStream",
    "InvalidInput",
    "LocalSigner",
    "Market",
    "MemoryJournal",
    "Order",
    "OrderBook",
    "OrderRequest",
    "Rejected",
    "Settings",
    "Side",
    "Signer",
    "SqliteJournal",
    "TegroError",
    "Token",
    "Trade",
    "Unknown",
    "__version__",
]


def imported_after(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_public_names_are_these():
    assert sorted(tegro.__all__) == sorted(PUBLIC)
    assert dir(tegro) == sorted(PUBLIC)


def test_every_public_name_is_there():
    assert all(getattr(tegro, name) is not None for name in PUBLIC)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tegro' has no attribute 'nothing'"):
        _ = tegro.nothing


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"aiohttp", "web3", "eth_account", "coincurve", "tomlkit", "typer", "rich", "tegro.client"}
    assert not heavy & imported_after("import tegro")


def test_importing_the_client_imports_neither_web3_nor_eth_account():
    assert not {"web3", "eth_account", "typer"} & imported_after("import tegro.client, tegro.allowance")


def test_the_command_line_starts_without_the_client():
    assert not {"aiohttp", "web3", "eth_account"} & imported_after("import tegro.cli.main")
