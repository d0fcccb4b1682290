"""The reading side of the connector: who it is, which markets there are, and where the data comes from."""

from decimal import Decimal
from pathlib import Path
from typing import Final, override

import hummingbot
from bidict import bidict
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee
from msgspec import Struct

from hummingbot_tegro.common.deadline import whole_answer
from hummingbot_tegro.common.identity import Identity
from hummingbot_tegro.host_settings import environment_for, host_options, settings_path
from tegro.client import AsyncTegro
from tegro.errors import BadReply, NotConnected, RateLimited, Refused
from tegro.journal import JournalEntry
from tegro.model import Balance, Chain, Market
from tegro.outcome import Resolution

from . import tegro_constants as constants
from .signers import signer_for
from .tegro_api_order_book_data_source import TegroAPIOrderBookDataSource
from .tegro_api_user_stream_data_source import TegroAPIUserStreamDataSource
from .tegro_utils import DEFAULT_FEES
from .venue_link import VenueLink


class ExchangeInfo(Struct, frozen=True):
    """What the venue says of its chain and its markets, by Hummingbot pair."""

    chain: Chain
    markets: dict[str, Market]


class TegroPublicExchange(Identity):
    """Reads one chain of Tegro. `TegroExchange` adds trading.

    Parameters
    ----------
    tegro_api_key
        The wallet's address. Empty for an instance that only reads public data.
    tegro_api_secret
        The wallet's private key, kept in a signer and nowhere else, or the name of another signer (`signers`). Empty
        as above.
    chain_name
        The chain; empty takes the one of the settings file.
    balance_asset_limit, rate_limits_share_pct
        As in every Hummingbot connector.
    trading_pairs
        Pairs to follow, such as `WETH-USDC`.
    trading_required
        Whether orders will be placed.
    domain
        `tegro`, `tegro_testnet` or `tegro_localnet`.

    Raises
    ------
    InvalidInput
        If the key is no key or not that of the address, or the chain or the settings file is wrong.
    """

    def __init__(  # noqa: PLR0917  (Hummingbot's signature)
        self,
        tegro_api_key: str,
        tegro_api_secret: str,
        chain_name: str = "",
        balance_asset_limit: dict[str, dict[str, Decimal]] | None = None,
        rate_limits_share_pct: Decimal = Decimal(100),
        trading_pairs: list[str] | None = None,
        trading_required: bool = True,  # noqa: FBT001, FBT002  (Hummingbot's signature)
        domain: str = constants.EXCHANGE_NAME,
    ) -> None:
        self._chain_answered = chain_name
        signer = signer_for(tegro_api_key, tegro_api_secret)
        del tegro_api_secret
        self._wallet = signer.address if signer is not None else ""
        self._options = host_options(domain)
        self._link: Final = VenueLink(
            environment_for(domain, chain_name),
            signer=signer,
            folder=_data_folder(),
            keeps_journal=trading_required and signer is not None,
            on_resolved=self._resolved,
        )
        self._fee_rate = DEFAULT_FEES.taker_percent_fee_decimal
        super().__init__(
            domain=domain,
            trading_pairs=trading_pairs,
            trading_required=trading_required,
            balance_asset_limit=balance_asset_limit,
            rate_limits_share_pct=rate_limits_share_pct,
        )

    # What Hummingbot asks of a connector

    @property
    def trading_rules_request_path(self) -> str:
        """Where the rules come from (protocol 4.2)."""
        return f"v1/exchange/{self._link.environment.chain_id}/market/list"

    @property
    def check_network_request_path(self) -> str:
        """What is asked to see whether the venue is there (protocol 4.1)."""
        return "v1/exchange/chain/list"

    def _resolved(self, entry: JournalEntry, resolution: Resolution) -> None:
        """Take notice that the fate of an order was found out; here there are none."""

    # The network

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        await super().stop_network()
        await self._link.close()

    async def _make_network_check_request(self) -> None:
        async with self._link.borrowed() as client:
            await client.chains()

    # Markets

    async def _exchange_info(self, *, refresh: bool) -> ExchangeInfo:
        async with self._link.borrowed() as client:
            chain = await client.chain()
            return ExchangeInfo(chain, self._link.learn(await client.markets(refresh=refresh)))

    async def _make_trading_rules_request(self) -> ExchangeInfo:
        return await self._exchange_info(refresh=True)

    async def _make_trading_pairs_request(self) -> ExchangeInfo:
        return await self._exchange_info(refresh=False)

    async def _format_trading_rules(self, exchange_info_dict: ExchangeInfo) -> list[TradingRule]:
        chain, markets = exchange_info_dict.chain, exchange_info_dict.markets
        for pair in self._trading_pairs:
            if pair not in markets:
                self.logger().error(
                    f"There are no trading rules for {pair}: Tegro lists no such market on "
                    f"{self._link.environment.chain}, or one that could not be read (see the log)."
                )
        return [_trading_rule(pair, market, chain) for pair, market in markets.items()]

    def _initialize_trading_pair_symbols_from_exchange_info(self, exchange_info: ExchangeInfo) -> None:
        self._set_trading_pair_symbol_map(
            bidict({market.symbol: pair for pair, market in exchange_info.markets.items()})
        )

    async def _update_trading_fees(self) -> None:
        async with self._link.borrowed() as client:
            self._fee_rate = (await client.chain()).fee_rate

    @override
    def _get_fee(
        self,
        base_currency: str,
        quote_currency: str,
        order_type: OrderType,
        order_side: TradeType,
        amount: Decimal,
        price: Decimal = Decimal("NaN"),
        is_maker: bool | None = None,
    ) -> DeductedFromReturnsTradeFee:
        """Estimate a fee: one rate for both sides, taken from what each receives (protocol 7.3)."""
        return DeductedFromReturnsTradeFee(percent=self._fee_rate)

    # Balances

    async def _read_balances(self) -> list[Balance]:
        """Return what the wallet holds, once the venue has shown that it is a Tegro with our chain.

        Raises
        ------
        NotConnected
            If the venue cannot be reached, or takes longer than the limit.
        BadReply
            If what answers there is no Tegro, or one in an unknown form.
        TegroError
            For the other reasons of `AsyncTegro.chain` and `AsyncTegro.balances`.
        """
        async with whole_answer(self._where_it_asked()), self._link.borrowed() as client:
            await self._require_tegro(client)
            return await client.balances()

    async def _require_tegro(self, client: AsyncTegro) -> None:
        try:
            await client.chain()
        except NotConnected as error:
            raise NotConnected(f"{error}; {self._where_it_asked()}") from None
        except RateLimited:
            raise
        except (BadReply, Refused) as error:
            # What refuses is likely a web page, and its text would fill the screen.
            answer = f"HTTP {error.status} to the list of chains" if isinstance(error, Refused) else error
            raise BadReply(f"what answers there is no Tegro ({answer}); {self._where_it_asked()}") from None

    def _where_it_asked(self) -> str:
        environment = self._link.environment
        return f"is {environment.rest_url} the right address? (rest_url of [{environment.name}] in {settings_path()})"

    # Made once, by the base class

    def _create_order_book_data_source(self) -> TegroAPIOrderBookDataSource:
        return TegroAPIOrderBookDataSource(self._link, self._trading_pairs)

    def _create_user_stream_data_source(self) -> TegroAPIUserStreamDataSource:
        return TegroAPIUserStreamDataSource(self._link, self._wallet)


def _data_folder() -> Path:
    """Return where this Hummingbot keeps its data; all of its bots share the folder."""
    return Path(hummingbot.data_path())


def _trading_rule(pair: str, market: Market, chain: Chain) -> TradingRule:
    # The minimum value is in the chain's default quote token; what it means in another token is not known.
    is_default_quote = market.quote.address == chain.default_quote_address
    return TradingRule(
        pair,
        min_order_size=market.lot_size,
        min_price_increment=market.tick_size,
        min_base_amount_increment=market.lot_size,
        min_notional_size=market.quote.from_wei(chain.min_order_value_wei) if is_default_quote else Decimal(0),
    )
