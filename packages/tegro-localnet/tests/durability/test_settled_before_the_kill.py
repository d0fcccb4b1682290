"""The narrowest moment: the chain has settled a batch, and the venue ends before it could write that down."""

from decimal import Decimal
from pathlib import Path

import aiohttp

from tegro.model import Market, TradeState
from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.settlement import Match, Settler
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.localnet import Localnet
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.wallet import LocalWallet

AMOUNTS = {"WETH": Decimal(1), "USDC": Decimal(3000)}


def config_of(path: Path) -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, data=path, settlement_interval_ms=10**7)


def order_of(localnet: Localnet, wallet: LocalWallet, *, is_buy: bool) -> tuple[SignedOrder, Market]:
    market = localnet.markets["WETH_USDC"]
    order = SignedOrder(
        base_token=market.base.address,
        quote_token=market.quote.address,
        price_e18=3000 * 10**18,
        total_quantity_wei=10**18,
        is_buy=is_buy,
        salt=1,
        maker=wallet.address,
    )
    return wallet.sign_order(order, localnet.deployment.domain), market


async def matched(localnet: Localnet) -> tuple[LocalWallet, Match]:
    """Let two wallets trade; returns the buyer and the match that waits for settlement."""
    seller, buyer = [await localnet.new_wallet(AMOUNTS) for _ in range(2)]
    for wallet in (seller, buyer):
        order, market = order_of(localnet, wallet, is_buy=wallet is buyer)
        await localnet.mirror.ensure(wallet.address, [market.base.address, market.quote.address])
        localnet.venue.accept(order, market.id, order.order_hash(localnet.deployment.domain).hex())
    [trade] = localnet.venue.trades.next_unsettled(40)
    localnet.venue.send_batch([trade], await newest_block(localnet))
    match = Match(trade_id=trade.trade_id, buy=trade.buy.order, sell=trade.sell.order, quantity_wei=trade.quantity_wei)
    return buyer, match


async def newest_block(localnet: Localnet) -> int:
    async with aiohttp.ClientSession() as session:
        return await ChainRpc(localnet.rpc_url, session).block_number()


async def settle_beside_it(localnet: Localnet, match: Match) -> str:
    async with aiohttp.ClientSession() as session:
        rpc = ChainRpc(localnet.rpc_url, session)
        [outcome] = await Settler(rpc, Sender(rpc, OPERATOR_KEY), localnet.deployment).settle([match])
        return outcome.tx_hash


async def test_a_batch_that_the_chain_has_is_taken_over_and_not_sent_again(tmp_path: Path) -> None:
    async with Localnet(config_of(tmp_path / "data")) as localnet:
        buyer, match = await matched(localnet)
        tx_hash = await settle_beside_it(localnet, match)
        assert localnet.venue.trades[match.trade_id].state is TradeState.PENDING
    async with Localnet(config_of(tmp_path / "data")) as localnet:
        trade = localnet.venue.trades[match.trade_id]
        assert (trade.state, trade.tx_hash) == (TradeState.SUCCESS, tx_hash)
        assert await localnet.settlement.settle_batch() == 0
        holding = localnet.venue.ledger.holding(buyer.address, match.buy.base_token)
        assert (holding.balance_wei, holding.reserved_wei) == (2 * 10**18 - 7 * 10**14, 0)


async def test_a_batch_that_the_chain_never_got_is_sent_once(tmp_path: Path) -> None:
    async with Localnet(config_of(tmp_path / "data")) as localnet:
        buyer, match = await matched(localnet)
    async with Localnet(config_of(tmp_path / "data")) as localnet:
        assert localnet.venue.trades[match.trade_id].state is TradeState.PENDING
        assert await localnet.settlement.settle_batch() == 1
        assert localnet.venue.trades[match.trade_id].state is TradeState.SUCCESS
        holding = localnet.venue.ledger.holding(buyer.address, match.buy.base_token)
        assert (holding.balance_wei, holding.reserved_wei) == (2 * 10**18 - 7 * 10**14, 0)
