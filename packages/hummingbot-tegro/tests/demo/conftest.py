"""Fixtures of the demo's tests."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from hummingbot_tegro.demo.reconciliation import Books, ChainFill, Fill, VenueFill
from tegro.model import Market, Side, Token


@pytest.fixture
def market():
    """WETH_USDC as localnet lists it."""
    return Market(
        id="m1",
        symbol="WETH_USDC",
        chain_id=31337,
        base=Token(address="0x" + "aa" * 20, symbol="WETH", decimals=18),
        quote=Token(address="0x" + "bb" * 20, symbol="USDC", decimals=6),
        base_precision=6,
        quote_precision=2,
    )


@pytest.fixture
def books():
    """Two trades at 7 basis points: a buy of 0.5 WETH at 3000, and a sell of 0.1234567 WETH at 3000.01."""
    buy = Fill(
        trade_id="t1",
        pair="WETH-USDC",
        side=Side.BUY,
        price=Decimal(3000),
        quantity=Decimal("0.5"),
        fee=Decimal("0.00035"),
        fee_token="WETH",
    )
    sell = Fill(
        trade_id="t2",
        pair="WETH-USDC",
        side=Side.SELL,
        price=Decimal("3000.01"),
        quantity=Decimal("0.1234567"),
        fee=Decimal("0.259259"),
        fee_token="USDC",
    )
    return Books(
        # Hummingbot cuts the seventh decimal off.
        host=(buy, replace(sell, quantity=Decimal("0.123456"))),
        venue=(
            VenueFill(fill=buy, order_hash="0xb", tx_hash="0x1", is_maker=True),
            VenueFill(fill=sell, order_hash="0xs", tx_hash="0x2", is_maker=False),
        ),
        chain=(
            ChainFill(
                order_hash="0xb",
                tx_hash="0x1",
                pair="WETH-USDC",
                side=Side.BUY,
                price_e18=3000 * 10**18,
                quantity_wei=5 * 10**17,
                quote_wei=1_500_000_000,
            ),
            ChainFill(
                order_hash="0xs",
                tx_hash="0x2",
                pair="WETH-USDC",
                side=Side.SELL,
                price_e18=300_001 * 10**16,
                quantity_wei=123_456_700_000_000_000,
                # 370.371334567 USDC and the rest, rounded down to six decimals
                quote_wei=370_371_334,
            ),
        ),
        balance_changes_wei={
            "WETH": 5 * 10**17 - 35 * 10**13 - 123_456_700_000_000_000,
            "USDC": -1_500_000_000 + 370_371_334 - 259_259,
            "WBTC": 0,
        },
        decimals={"WETH": 18, "USDC": 6, "WBTC": 8},
    )
