"""The reading side of the perpetual connector: who it is, which contracts there are, and where the data comes from."""

from decimal import Decimal
from typing import Final, override

from bidict import bidict
from hummingbot.connector.perpetual_derivative_py_base import PerpetualDerivativePyBase
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, TradeType
from hummingbot.core.data_type.trade_fee import TradeFeeBase

from hummingbot_tegro.common.identity import Identity
from tegro.errors import TegroError
from tegro.perpetual import ApiKey, Contract
from tegro.perpetual.settings import NOT_PROVEN

from . import tegro_perpetual_constants as constants
from .perpetual_link import PerpetualLink
from .perpetual_settings import perpetual_environment, perpetual_options, require_confirmed
from .tegro_perpetual_api_order_book_data_source import TegroPerpetualAPIOrderBookDataSource
from .tegro_perpetual_user_stream_data_source import TegroPerpetualUserStreamDataSource


class TegroPerpetualPublic(Identity, PerpetualDerivativePyBase):
    """Reads one perpetual venue. `TegroPerpetualDerivative` adds the account and its orders.

    Parameters
    ----------
    tegro_perpetual_api_key, tegro_perpetual_api_secret
        The account's key and secret; empty for an instance that only reads public data.
    balance_asset_limit, rate_limits_share_pct
        As in every Hummingbot connector.
    trading_pairs
        Pairs to follow, such as `ETH-USDT`.
    trading_required
        Whether orders will be placed.
    domain
        `tegro_perpetual`, `tegro_perpetual_testnet` or `tegro_perpetual_localnet`.

    Raises
    ------
    InvalidInput
        If key or secret cannot be one, the host is not known, or the settings file is wrong.
    """

    def __init__(  # noqa: PLR0917  (Hummingbot's signature)
        self,
        tegro_perpetual_api_key: str = "",
        tegro_perpetual_api_secret: str = "",
        balance_asset_limit: dict[str, dict[str, Decimal]] | None = None,
        rate_limits_share_pct: Decimal = Decimal(100),
        trading_pairs: list[str] | None = None,
        trading_required: bool = True,  # noqa: FBT001, FBT002  (Hummingbot's signature)
        domain: str = constants.EXCHANGE_NAME,
    ) -> None:
        environment = perpetual_environment(domain)
        self._options = perpetual_options(environment)
        has_key = bool(tegro_perpetual_api_key or tegro_perpetual_api_secret)
        api_key = ApiKey(tegro_perpetual_api_key, tegro_perpetual_api_secret) if has_key else None
        del tegro_perpetual_api_secret
        self._link: Final = PerpetualLink(environment, api_key=api_key)
        self._fee_rates: dict[str, tuple[Decimal, Decimal]] = {}
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
        """Where the rules come from (dialect 3.3)."""
        return "v1/exchangeInfo"

    @property
    def check_network_request_path(self) -> str:
        """What is asked to see whether the venue is there (dialect 3.2)."""
        return "v1/time"

    @property
    def funding_fee_poll_interval(self) -> int:
        """Seconds between two looks for funding payments; the stream tells of them besides."""
        return constants.FUNDING_POLL_SECS

    def supported_position_modes(self) -> list[PositionMode]:
        """Return both modes."""
        return [PositionMode.ONEWAY, PositionMode.HEDGE]

    def get_buy_collateral_token(self, trading_pair: str) -> str:
        """Return the asset that stands behind a long position."""
        token: str = self._trading_rules[trading_pair].buy_order_collateral_token
        return token

    def get_sell_collateral_token(self, trading_pair: str) -> str:
        """Return the asset that stands behind a short position."""
        token: str = self._trading_rules[trading_pair].sell_order_collateral_token
        return token

    # The network

    async def start_network(self) -> None:
        """Start following the venue, and say once what is not proven about it."""
        if self._link.environment.name != "localnet":
            guess = ""
            if self._link.environment.is_stream_guessed:
                guess = f" The WebSocket host {self._link.environment.stream_url} is a guess."
            self.logger().warning(f"Note: {NOT_PROVEN}.{guess}")
        await super().start_network()

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        await super().stop_network()
        await self._link.close()

    async def _make_network_check_request(self) -> None:
        async with self._link.borrowed() as client:
            await client.rest.synchronise()

    # Contracts

    async def _make_trading_rules_request(self) -> dict[str, Contract]:
        async with self._link.borrowed() as client:
            return self._link.learn(await client.contracts(refresh=True))

    async def _make_trading_pairs_request(self) -> dict[str, Contract]:
        return await self._make_trading_rules_request()

    async def _format_trading_rules(self, exchange_info_dict: dict[str, Contract]) -> list[TradingRule]:
        for pair in self._trading_pairs:
            if pair not in exchange_info_dict:
                self.logger().error(
                    f"There are no trading rules for {pair}: {self._link.environment.host} lists no such contract."
                )
        return [_trading_rule(pair, contract) for pair, contract in exchange_info_dict.items()]

    def _initialize_trading_pair_symbols_from_exchange_info(self, exchange_info: dict[str, Contract]) -> None:
        self._set_trading_pair_symbol_map(bidict({contract.symbol: pair for pair, contract in exchange_info.items()}))

    # Fees

    async def _update_trading_fees(self) -> None:
        if not self._link.has_account:
            return
        require_confirmed(self._link.environment)
        async with self._link.borrowed() as client:
            for pair in self._trading_pairs:
                try:
                    contract = await self._link.contract(pair)
                    self._fee_rates[pair] = await client.fee_rates(contract.symbol)
                except TegroError as error:
                    self.logger().warning(f"The fee rates of {pair} could not be read: {error}")

    @override
    def _get_fee(
        self,
        base_currency: str,
        quote_currency: str,
        order_type: OrderType,
        order_side: TradeType,
        position_action: PositionAction,
        amount: Decimal,
        price: Decimal = Decimal("NaN"),
        is_maker: bool | None = None,
    ) -> TradeFeeBase:
        """Estimate a fee by the account's own rates."""
        schema = self.trade_fee_schema()
        default = (schema.maker_percent_fee_decimal, schema.taker_percent_fee_decimal)
        maker, taker = self._fee_rates.get(f"{base_currency}-{quote_currency}", default)
        makes = is_maker if is_maker is not None else order_type is OrderType.LIMIT_MAKER
        return TradeFeeBase.new_perpetual_fee(
            fee_schema=schema, position_action=position_action, percent=maker if makes else taker
        )

    # Made once, by the base class

    def _create_order_book_data_source(self) -> TegroPerpetualAPIOrderBookDataSource:
        return TegroPerpetualAPIOrderBookDataSource(self._link, self._trading_pairs)

    def _create_user_stream_data_source(self) -> TegroPerpetualUserStreamDataSource:
        return TegroPerpetualUserStreamDataSource(self._link)


def _trading_rule(pair: str, contract: Contract) -> TradingRule:
    return TradingRule(
        pair,
        min_order_size=contract.min_quantity,
        max_order_size=contract.max_quantity,
        min_price_increment=contract.tick_size,
        min_base_amount_increment=contract.lot_size,
        min_notional_size=contract.min_notional,
        buy_order_collateral_token=contract.margin_asset,
        sell_order_collateral_token=contract.margin_asset,
    )
