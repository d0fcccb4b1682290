"""The limit price of a market order."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hummingbot.connector.exchange.tegro.market_order import crosses, market_limit_price
from hypothesis import given
from hypothesis import strategies as st

from tegro.errors import InvalidInput
from tegro.model import BookLevel, Market, Side, Token
from tegro.settings import Settings

WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=18)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)
MARKET = Market(id="m", symbol="WETH_USDC", chain_id=31337, base=WETH, quote=USDC, base_precision=6, quote_precision=2)
BIDS = [BookLevel(Decimal(price), Decimal(amount)) for price, amount in [(3000, 1), (2990, 2), (2700, 5)]]
ASKS = [BookLevel(Decimal(price), Decimal(amount)) for price, amount in [(3010, 1), (3020, 2), (3500, 5)]]


def limit(levels: list[BookLevel], side: Side, quantity: str, slippage_bps: int = 500) -> Decimal:
    return market_limit_price(
        levels, market=MARKET, side=side, quantity=Decimal(quantity), max_slippage_bps=slippage_bps
    )


def test_a_sell_gives_away_no_more_than_its_last_bid():
    assert limit(BIDS, Side.SELL, "0.4") == 3000
    assert limit(BIDS, Side.SELL, "1") == 3000
    assert limit(BIDS, Side.SELL, "1.000001") == 2990
    assert limit(BIDS, Side.SELL, "3") == 2990


def test_a_buy_is_priced_at_its_last_ask():
    assert limit(ASKS, Side.BUY, "1") == 3010
    assert limit(ASKS, Side.BUY, "2.5") == 3020


def test_a_level_beyond_the_slippage_cap_is_not_taken():
    assert limit(BIDS, Side.SELL, "8") == 2990
    assert limit(BIDS, Side.SELL, "8", slippage_bps=1000) == 2700
    assert limit(ASKS, Side.BUY, "8") == 3020
    assert limit(ASKS, Side.BUY, "8", slippage_bps=0) == 3010


def test_an_empty_side_is_refused_with_a_reason():
    with pytest.raises(InvalidInput, match="nobody is on the other side of WETH_USDC"):
        limit([], Side.BUY, "1")


def test_a_price_between_ticks_is_rounded_so_that_the_order_still_crosses():
    odd = [BookLevel(Decimal("3000.005"), Decimal(1))]
    assert limit(odd, Side.BUY, "1") == Decimal("3000.01")
    assert limit(odd, Side.SELL, "1") == Decimal("3000.00")


@st.composite
def books(draw: st.DrawFn) -> tuple[list[BookLevel], Side]:
    cents = sorted(draw(st.sets(st.integers(1, 10**9), min_size=1, max_size=12)))
    side = draw(st.sampled_from(Side))
    ordered = cents if side is Side.BUY else cents[::-1]
    lots = st.integers(1, 10**12)
    return [BookLevel(Decimal(price).scaleb(-2), Decimal(draw(lots)).scaleb(-6)) for price in ordered], side


@given(books(), st.integers(1, 10**13), st.integers(0, 10_000))
def test_the_limit_takes_exactly_the_levels_that_are_needed_and_allowed(book, lots, slippage_bps):
    levels, side = book
    quantity = Decimal(lots).scaleb(-6)
    price = limit(levels, side, str(quantity), slippage_bps)

    best, share = Fraction(levels[0].price), Fraction(slippage_bps, 10_000)
    sign = 1 if side is Side.BUY else -1
    allowed = [level for level in levels if sign * Fraction(level.price) <= sign * best + best * share]
    before = Fraction(0)
    for level in allowed:
        expected = level.price
        before += Fraction(level.quantity)
        if before >= Fraction(quantity):
            break
    assert price == expected


def test_crossing_is_at_or_through_the_best_price():
    assert crosses(Decimal(3010), best_opposite=Decimal(3010), side=Side.BUY)
    assert not crosses(Decimal(3009), best_opposite=Decimal(3010), side=Side.BUY)
    assert crosses(Decimal(3000), best_opposite=Decimal(3000), side=Side.SELL)
    assert not crosses(Decimal(3001), best_opposite=Decimal(3000), side=Side.SELL)
    assert not crosses(Decimal(1), best_opposite=None, side=Side.SELL)


def test_the_slippage_cap_is_a_setting(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text("[mainnet]\nmax_slippage_bps = 20\n")
    settings = Settings.load(path, env={})
    assert settings.environment("mainnet").max_slippage_bps == 20
    assert settings.environment("testnet").max_slippage_bps == 500


@pytest.mark.parametrize("value", ["-1", "10000", "0.5", "true", '"5"'])
def test_a_slippage_cap_that_is_none_is_refused(tmp_path, value):
    path = tmp_path / "tegro.toml"
    path.write_text(f"[mainnet]\nmax_slippage_bps = {value}\n")
    with pytest.raises(InvalidInput, match=r"tegro\.toml: \[mainnet\] max_slippage_bps must be a whole number"):
        Settings.load(path, env={})
