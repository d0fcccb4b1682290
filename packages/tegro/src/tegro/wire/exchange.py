"""Chains, markets and tickers: the `v1/exchange` service (protocol 4.1 to 4.3)."""

from msgspec import UNSET, Struct, UnsetType, field

from tegro.wire.number import ZERO, NumberLiteral


class ChainInfo(Struct, kw_only=True):
    """One row of `GET v1/exchange/chain/list`."""

    id: int
    name: str
    default_quote_token_symbol: str = ""
    default_quote_token_contract_address: str = ""
    exchange_contract: str
    settlement_contract: str = ""
    logo: str = ""
    min_order_value: NumberLiteral = ZERO
    """Quote base units, as a decimal string: `"2000000"` is 2 units of a 6-decimal token."""
    fee: NumberLiteral = ZERO
    """Percent; the unit is inferred (protocol 9)."""
    native_token_symbol: str = ""
    native_token_symbol_id: str = ""
    native_token_price: NumberLiteral = ZERO
    gas_per_trade: int = 0
    gas_price: NumberLiteral = ZERO
    default_gas_limit: int = 0
    active: bool = field(default=True, name="Active")


class Ticker(Struct, kw_only=True):
    """Figures of the last 24 hours inside a market object. Human units; zero where nothing traded."""

    base_volume: NumberLiteral = ZERO
    quote_volume: NumberLiteral = ZERO
    price: NumberLiteral = ZERO
    price_change_24h: NumberLiteral = ZERO
    price_high_24h: NumberLiteral = ZERO
    price_low_24h: NumberLiteral = ZERO
    ask_low: NumberLiteral = ZERO
    bid_high: NumberLiteral = ZERO


class MarketInfo(Struct, kw_only=True):
    """One market of `GET v1/exchange/{chain_id}/market/list`; the same object alone in `.../market/{market_id}`."""

    id: str
    symbol: str
    chain_id_camel: int | UnsetType = field(default=UNSET, name="chainId")
    """The running service wrote `chainId`; newer fixtures have `chain_id`. Either may be missing."""
    chain_id: int | UnsetType = UNSET
    state: str = ""
    base_contract_address: str
    base_symbol: str
    base_decimal: int
    base_precision: int
    quote_contract_address: str
    quote_symbol: str
    quote_decimal: int
    quote_precision: int
    ticker: Ticker = field(default_factory=Ticker)
