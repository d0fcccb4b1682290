"""What is traded: the chain, its tokens and its markets, made from the settings and the deployed contracts."""

from decimal import Decimal

from msgspec import Struct

from tegro.model import Market, Token
from tegro.wire import ChainInfo, bare, quoted
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.chart import ALL_INTERVALS, PAGE_INTERVALS, MarketChart
from tegro_localnet.config import CHAIN_NAMES, LocalnetConfig
from tegro_localnet.markets import ListedMarket
from tegro_localnet.signed_order import OrderForm


class Listing(Struct, frozen=True, kw_only=True):
    """The chain as the API shows it, the tokens by symbol, and the markets by id."""

    chain: ChainInfo
    tokens: dict[str, Token]
    markets: dict[str, ListedMarket]

    def token_at(self, address: str) -> Token | None:
        """Return the token of a lower-case address; None where it is not one of this chain."""
        return next((token for token in self.tokens.values() if token.address == address), None)

    def market_named(self, symbol: str) -> ListedMarket | None:
        """Return the market of a symbol such as `WETH_USDC`; None where it is not listed."""
        return next((listed for listed in self.markets.values() if listed.market.symbol == symbol), None)


def _form(deployment: Deployment, quote: Token) -> OrderForm:
    """Return which orders the exchange takes for a quote token (protocol 5.3)."""
    scale = {"price_decimals": quote.decimals} if deployment.form.prices_in_quote_units else {}
    return OrderForm(has_expiry=deployment.form.has_expiry, **scale)


def list_markets(config: LocalnetConfig, deployment: Deployment) -> Listing:
    """Return the listing of a fresh deployment."""
    tokens = {
        token.symbol: Token(address=deployment.tokens[token.symbol], symbol=token.symbol, decimals=token.decimals)
        for token in config.tokens
    }
    markets: dict[str, ListedMarket] = {}
    for entry in config.markets:
        base, quote = tokens[entry.base.symbol], tokens[entry.quote.symbol]
        market_id = f"{deployment.chain_id}_{base.address}_{quote.address}"
        market = Market(
            id=market_id,
            symbol=entry.symbol,
            chain_id=deployment.chain_id,
            base=base,
            quote=quote,
            base_precision=entry.base_precision,
            quote_precision=entry.quote_precision,
        )
        chart = MarketChart(ALL_INTERVALS if config.full_chart else PAGE_INTERVALS)
        markets[market_id] = ListedMarket(market, quote.to_wei(config.min_order_value), chart, _form(deployment, quote))
    default_quote = tokens[config.markets[0].quote.symbol]
    chain = ChainInfo(
        id=deployment.chain_id,
        name=CHAIN_NAMES[deployment.chain_id],
        default_quote_token_symbol=default_quote.symbol,
        default_quote_token_contract_address=default_quote.address,
        exchange_contract=deployment.exchange,
        settlement_contract=deployment.settlement,
        min_order_value=quoted(default_quote.to_wei(config.min_order_value)),
        fee=bare(Decimal(deployment.fee_bps) / 100),
        native_token_symbol="ETH",  # noqa: S106 - the coin, not a secret
        native_token_symbol_id="ethereum",  # noqa: S106 - the same
        gas_per_trade=400_000,
        default_gas_limit=5_000_000,
    )
    return Listing(chain=chain, tokens=tokens, markets=markets)
