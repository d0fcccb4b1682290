"""How Hummingbot names a market."""

from hummingbot.connector.utils import combine_to_hb_trading_pair

from tegro.model import Market


def pair_of(market: Market) -> str:
    """Return a market's Hummingbot pair, such as `WETH-USDC`.

    It names the tokens by symbol only, so two markets may have the same. The venue lists the most traded first, and
    that one is meant.
    """
    pair: str = combine_to_hb_trading_pair(market.base.symbol, market.quote.symbol)
    return pair
