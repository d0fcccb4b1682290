"""Readers of the four books: Hummingbot's database, the venue, the contract's log, and balances on chain.

The chain is read with web3, which shares no code with the client or the venue.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import web3.exceptions
from hexbytes import HexBytes
from requests.exceptions import RequestException
from web3 import Web3

from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.reconciliation import HOST_STEP, ChainFill, Fill, VenueFill
from tegro.client import AsyncTegro
from tegro.model import Market, Order, Side, Trade, TradeState
from tegro_localnet.info import LocalnetInfo

_BALANCE_OF: Final[list[dict[str, Any]]] = [
    {
        "name": "balanceOf",
        "type": "function",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]
_TRADE_SETTLED: Final[list[dict[str, Any]]] = [
    {
        "name": "TradeSettled",
        "type": "event",
        "anonymous": False,
        "inputs": [
            *({"name": name, "type": "address", "indexed": False} for name in ("baseToken", "quoteToken")),
            *({"name": name, "type": "uint256", "indexed": False} for name in ("price", "totalQuantity", "totalPrice")),
            *({"name": name, "type": "bytes32", "indexed": True} for name in ("buyOrderHash", "sellOrderHash")),
        ],
    }
]
"""As protocol 7.3 describes it."""


def host_fills(database: Path) -> list[Fill]:
    """Read the fills that Hummingbot recorded.

    Raises
    ------
    DemoFailure
        If the database is not there or cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT exchange_trade_id, symbol, trade_type, price, amount, trade_fee FROM TradeFill"
            ).fetchall()
    except sqlite3.Error as error:
        raise DemoFailure(f"Hummingbot's database {database} cannot be read: {error}") from error
    return [_host_fill(row) for row in rows]


async def venue_fills(client: AsyncTegro, orders: Iterable[Order]) -> list[VenueFill]:
    """Return every settled fill of these orders, as the venue's REST interface reports it."""
    markets = {market.id: market for market in await client.markets()}
    return [
        venue_fill(trade, order.side, markets[order.market_id], order.order_hash)
        for order in orders
        for trade in await client.trades_of(order.order_id)
        if trade.state is TradeState.SUCCESS
    ]


def venue_fill(trade: Trade, side: Side, market: Market, order_hash: str) -> VenueFill:
    """Return one side's part of a trade."""
    is_buy = side is Side.BUY
    is_maker = trade.is_buyer_maker is is_buy
    fill = Fill(
        trade_id=trade.trade_id,
        pair=market.symbol.replace("_", "-"),
        side=side,
        price=trade.price,
        quantity=trade.quantity,
        fee=trade.maker_fee if is_maker else trade.taker_fee,
        fee_token=(market.base if is_buy else market.quote).symbol,
    )
    return VenueFill(fill=fill, order_hash=order_hash, tx_hash=trade.tx_hash or "", is_maker=is_maker)


class ChainReader:
    """The chain of a localnet. Its methods block; each raises `DemoFailure` where the node does not answer."""

    def __init__(self, info: LocalnetInfo) -> None:
        self._web3 = Web3(Web3.HTTPProvider(info.rpc_url))
        self._exchange = Web3.to_checksum_address(info.exchange_contract)
        self._tokens = {token.symbol: Web3.to_checksum_address(token.address) for token in info.tokens}

    def balances_wei(self, wallet: str) -> dict[str, int]:
        """Return what a wallet holds of every token, in smallest units."""
        owner = Web3.to_checksum_address(wallet)
        try:
            return {
                symbol: self._web3.eth.contract(address, abi=_BALANCE_OF).functions.balanceOf(owner).call()
                for symbol, address in self._tokens.items()
            }
        except (web3.exceptions.Web3Exception, RequestException) as error:
            raise DemoFailure(f"the balances on chain cannot be read: {error}") from error

    def settlements(self, orders: Mapping[str, Side]) -> list[ChainFill]:
        """Return the contract's settlements of these orders (side by order hash), from the first block on."""
        event = self._web3.eth.contract(self._exchange, abi=_TRADE_SETTLED).events.TradeSettled()
        try:
            logs = event.get_logs(from_block=0)
        except (web3.exceptions.Web3Exception, RequestException) as error:
            raise DemoFailure(f"the contract's log cannot be read: {error}") from error
        symbols = {address: symbol for symbol, address in self._tokens.items()}
        fills = []
        for log in logs:
            values = log["args"]
            for name, side in (("buyOrderHash", Side.BUY), ("sellOrderHash", Side.SELL)):
                order_hash = HexBytes(values[name]).to_0x_hex()
                if orders.get(order_hash) is side:
                    fills.append(
                        ChainFill(
                            order_hash=order_hash,
                            tx_hash=HexBytes(log["transactionHash"]).to_0x_hex(),
                            pair=f"{symbols[values['baseToken']]}-{symbols[values['quoteToken']]}",
                            side=side,
                            price_e18=values["price"],
                            quantity_wei=values["totalQuantity"],
                            quote_wei=values["totalPrice"],
                        )
                    )
        return fills


def _host_fill(row: tuple[Any, ...]) -> Fill:
    trade_id, pair, trade_type, price, amount, raw_fee = row
    (fee,) = json.loads(raw_fee)["flat_fees"]
    return Fill(
        trade_id=trade_id,
        pair=pair,
        side=Side.BUY if trade_type == "BUY" else Side.SELL,
        price=price * HOST_STEP,
        quantity=amount * HOST_STEP,
        fee=Decimal(fee["amount"]),
        fee_token=fee["token"],
    )
