"""One wallet at one venue: the parts that place, check, follow and cancel its orders, put together."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from decimal import Decimal
from itertools import batched
from typing import Final, Protocol

from msgspec.structs import replace

from tegro.allowance import UNLIMITED_WEI
from tegro.backoff import Sleep
from tegro.desk import OrderDesk, domain_of
from tegro.errors import InvalidInput, TegroError
from tegro.evm import EvmNode, Receipt
from tegro.exchange_contract import ExchangeContract
from tegro.funds import Funds, FundsReading, TokenReading
from tegro.journal import OVER, UNRESOLVED, EntryState, Journal, JournalEntry
from tegro.limits import LimitGuard
from tegro.maker_only import MakerOnlyWatch, TakenInstead
from tegro.market_orders import MarketOrders, MarketResult
from tegro.market_plan import plan_market_order
from tegro.model import (
    Balance,
    Chain,
    Market,
    Order,
    OrderRequest,
    OrderType,
    Side,
    Token,
    Trade,
    round_down,
)
from tegro.order_book import OrderBook
from tegro.order_form import OrderFormCheck
from tegro.order_terms import expiry_time, minimum_value_wei
from tegro.outcome import (
    Cancelled,
    CancelOutcome,
    CancelRejected,
    CancelUnknown,
    NotSent,
    PlaceOutcome,
    Resolution,
    not_sent,
)
from tegro.pre_trade import USELESS_SECS, PreTrade
from tegro.resolver import Resolver, ResolverPolicy
from tegro.rest import RestClient
from tegro.settings import Environment
from tegro.signer import Signer
from tegro.tracking import OrderTracking
from tegro.trusted_chain import TrustedChain
from tegro.venue_reader import OPEN_STATUSES

HOLDING_STATUSES: Final = ("active", "matched")
"""Filter words of the orders that hold funds: those that rest, and those that matched and have to settle (4.12)."""
BPS: Final = 10_000
IDS_PER_CANCEL: Final = 50
"""Ids in one signed cancel; the largest list that the venue takes is not known (protocol 15)."""


class Venue(Protocol):
    """What is read of the venue for a wallet."""

    async def markets(self) -> list[Market]:
        """Return every market."""
        ...

    def known_market(self, market_id: str) -> Market | None:
        """Return a market that was read before; None if it was not."""
        ...

    async def fresh_book(self, market: Market) -> OrderBook:
        """Return a book that is not stale."""
        ...

    def followed_book(self, market: Market) -> OrderBook | None:
        """Return a followed book that is not stale, without asking the venue."""
        ...

    async def orders(self, *, statuses: Sequence[str] = ()) -> list[Order]:
        """Return the wallet's orders, all pages."""
        ...

    async def order(self, order_id: str) -> Order | None:
        """Return one order of the wallet."""
        ...

    async def balances(self) -> list[Balance]:
        """Return what the wallet holds of every token that the venue tracks."""
        ...

    async def balance(self, token: Token) -> Decimal:
        """Return what the wallet holds of one token."""
        ...

    async def trades_of(self, order_id: str) -> list[Trade]:
        """Return the fills of an order."""
        ...


class Trader:
    """Trades with one wallet.

    Parameters
    ----------
    environment
        Venue, chain, limits.
    venue
        What is read of it.
    rest
        What is written to it.
    chain
        The chain that is trusted.
    node
        A node of it; None where none is known: allowances and executions are then not seen here.
    signer, journal
        The wallet and its record.
    on_resolved, on_taken
        Told of fates that were found out, and of limit-maker orders that took.
    policy
        Patience of the resolver.
    clock_ms, sleep, rng
        Time, waits, randomness.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        venue: Venue,
        rest: RestClient,
        chain: TrustedChain,
        node: EvmNode | None,
        signer: Signer,
        journal: Journal,
        on_resolved: Callable[[JournalEntry, Resolution], None] | None,
        on_taken: Callable[[TakenInstead], None] | None,
        policy: ResolverPolicy | None,
        clock_ms: Callable[[], int],
        sleep: Sleep,
        rng: random.Random,
    ) -> None:
        self._environment = environment
        self._venue = venue
        self._chain = chain
        self._node = node
        self._signer = signer
        self._journal = journal
        self._clock_ms = clock_ms
        self._are_limits_known = not environment.limits.markets
        self.contract = (
            TrustedContract(chain, node, fee_ceiling_wei=environment.fee_ceiling_wei) if node is not None else None
        )
        self._form = OrderFormCheck(rest.generate_order, signer.address)
        self.maker_only = MakerOnlyWatch(on_taken=on_taken)
        self.funds = Funds(venue.known_market, clock_ms=clock_ms, max_age_secs=USELESS_SECS)
        self._checks = PreTrade(
            environment,
            funds=self.funds,
            guard=LimitGuard(environment.limits, environment.name),
            fresh_book=venue.fresh_book,
            followed_book=venue.followed_book,
            read_funds=self._read_funds,
            clock_ms=clock_ms,
        )
        self.resolver = Resolver(
            journal,
            signer.address,
            _Lists(venue.orders),
            chain_id=environment.chain_id,
            chain=self.contract,
            clock_ms=clock_ms,
            sleep=sleep,
            rng=rng,
            policy=policy,
            on_resolved=on_resolved,
            on_cancel_wanted=self._cancel_found,
        )
        self.tracking = OrderTracking(
            resolver=self.resolver,
            journal=journal,
            funds=self.funds,
            maker_only=self.maker_only,
            trades_of=venue.trades_of,
            wallet=signer.address.lower(),
            clock_ms=clock_ms,
        )
        self._desk = OrderDesk(
            environment,
            rest=rest,
            signer=signer,
            journal=journal,
            chain_of=self._chain_for,
            pinned_chain=chain.pinned,
            checks=self._checks,
            clock_ms=clock_ms,
            rng=rng,
        )
        self._market_orders = MarketOrders(
            place=self._place_part, cancel=self.cancel, read_order=venue.order, sleep=sleep
        )

    @property
    def wallet(self) -> str:
        """Address, lower case."""
        return self._signer.address.lower()

    async def aclose(self) -> None:
        """End what runs beside the calls. May be repeated."""
        await self.tracking.aclose()
        await self._checks.aclose()

    async def prepare(self, markets: Iterable[Market]) -> None:
        """Do now what the first order on these markets would wait for. See `AsyncTegro.prepare`."""
        self.tracking.begin()
        given = list(markets)
        for market in given:
            await self._chain_for(market)
        await self._checks.read({token for market in given for token in (market.base, market.quote)})

    # Orders

    async def place(self, request: OrderRequest) -> PlaceOutcome:
        """Place a limit or limit-maker order. See `AsyncTegro.place`."""
        if request.order_type is OrderType.MARKET:
            raise InvalidInput("a market order is a plan of several orders: use place_market")
        return await self._place_part(request)

    async def place_many(self, requests: Sequence[OrderRequest], concurrency: int) -> list[PlaceOutcome | NotSent]:
        """Place several orders. See `AsyncTegro.place_many`."""
        if concurrency < 1:
            raise InvalidInput(f"at least one order must be sent at a time, concurrency was {concurrency}")
        places = asyncio.Semaphore(concurrency)

        async def place_one(request: OrderRequest) -> PlaceOutcome | NotSent:
            async with places:
                try:
                    return await self.place(request)
                except TegroError as error:
                    return not_sent(error)

        return list(await asyncio.gather(*(place_one(request) for request in requests)))

    async def place_market(
        self, market: Market, side: Side, quantity: Decimal, max_slippage_bps: int | None, client_order_id: str | None
    ) -> MarketResult:
        """Buy or sell through the book at once. See `AsyncTegro.place_market`."""
        slippage_bps = self._environment.max_slippage_bps if max_slippage_bps is None else max_slippage_bps
        if not 0 <= slippage_bps < BPS:
            raise InvalidInput(f"the slippage must be from 0 to {BPS - 1} basis points, was {slippage_bps}")
        chain = await self._chain.for_market(market)
        book = await self._venue.fresh_book(market)
        plan = plan_market_order(
            book.asks() if side is Side.BUY else book.bids(),
            market=market,
            side=side,
            quantity=quantity,
            max_slippage_bps=slippage_bps,
            min_value_wei=minimum_value_wei(market, chain),
        )
        first = plan.slices[0]
        request = OrderRequest(
            market=market, side=side, price=first.price, quantity=first.quantity, client_order_id=client_order_id
        )
        return await self._market_orders.carry_out(plan, request)

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders by their ids. See `AsyncTegro.cancel`."""
        return await self._desk.cancel(order_ids)

    async def cancel_by_hash(self, order_hash: str) -> CancelOutcome:
        """Cancel an order whose id may not be known. See `AsyncTegro.cancel_by_hash`."""
        entry = self._journal.find(order_hash)
        if entry is None:
            raise InvalidInput(f"no order with the hash {order_hash} was signed with this journal")
        if entry.order_id is not None and entry.state is EntryState.ACCEPTED:
            return await self.cancel([entry.order_id])
        if entry.state in OVER:
            return CancelRejected(order_ids=(), reason=f"the order was {entry.state} before", not_found=True)
        self.tracking.begin()
        self.resolver.want_cancel(order_hash)
        return CancelUnknown(
            order_ids=(), cause="whether the venue has the order is not known; it is cancelled as soon as it shows up"
        )

    async def cancel_all(self, market: Market | None, *, by_endpoint: bool) -> CancelOutcome:
        """Cancel everything that is open. See `AsyncTegro.cancel_all`."""
        if by_endpoint:
            if market is not None:
                raise InvalidInput("the venue's cancel-all knows no markets: leave the market out, or by_endpoint")
            return await self._desk.cancel_all_by_endpoint()
        resting = await self._venue.orders(statuses=OPEN_STATUSES)
        ids = [order.order_id for order in resting if market is None or order.market_id == market.id]
        return await self._cancel_in_parts(ids)

    async def _cancel_in_parts(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel any number of orders; the first answer that is none ends it, and is returned."""
        cancelled: tuple[str, ...] = ()
        not_cancelled: tuple[str, ...] = ()
        for part in batched(order_ids, IDS_PER_CANCEL):
            outcome = await self.cancel(part)
            if not isinstance(outcome, Cancelled):
                return outcome
            cancelled += outcome.cancelled
            not_cancelled += outcome.not_cancelled
        return Cancelled(cancelled=cancelled, not_cancelled=not_cancelled)

    async def cancel_on_chain(self, order_hash: str) -> Receipt | None:
        """Make the contract refuse an order for ever. See `AsyncTegro.cancel_on_chain`."""
        entry = self._journal.find(order_hash)
        if entry is None:
            raise InvalidInput(f"no order with the hash {order_hash} was signed with this journal")
        if self.contract is None:
            name = self._environment.name
            raise InvalidInput(f"an on-chain cancel needs a node of the chain: set rpc_url of [{name}] in the settings")
        receipt = await (await self.contract.get()).cancel_order(entry, self._signer)
        if receipt is not None:
            # Where it was finished before, it may have been settled: the lists and the chain say which.
            self.resolver.cancelled_on_chain(order_hash)
        return receipt

    # Inside

    async def _chain_for(self, market: Market) -> Chain:
        """Return the chain to sign for, once everything that must hold of it and of the market was seen to hold."""
        chain = await self._chain.for_market(market)
        if self._environment.typed_data == "local":  # else each order is compared with the venue's own
            await self._form.require(market, chain)
        return chain

    async def _place_part(self, request: OrderRequest) -> PlaceOutcome:
        self.tracking.begin()
        if not self._are_limits_known:
            # A limit of a market that does not exist is misspelt, and would protect nothing.
            self._environment.limits.require_known(await self._venue.markets())
            self._are_limits_known = True
        if not request.expiry_time and self._environment.order_expiry_secs:
            until = expiry_time(self._clock_ms() // 1000, self._environment.order_expiry_secs)
            request = replace(request, expiry_time=until)
        outcome = await self._desk.place(request)
        self.tracking.placed(request, outcome)
        return outcome

    async def _cancel_found(self, order_id: str) -> None:
        await self.cancel([order_id])

    async def _read_funds(self, tokens: Collection[Token]) -> FundsReading:
        started_at_ms = self._clock_ms()
        await self._venue.markets()
        # In this order, so that what moves on meanwhile counts twice and not never.
        journaled = self._journal.entries(states=UNRESOLVED, maker=self.wallet)
        orders = await self._venue.orders(statuses=HOLDING_STATUSES)
        balances = {balance.token.address: balance.total for balance in await self._venue.balances()}
        readings = {}
        for token in tokens:
            total = balances.get(token.address)
            if total is None:
                total = await self._venue.balance(token)
            readings[token.address] = TokenReading(
                balance_wei=token.to_wei(round_down(total, Decimal(1).scaleb(-token.decimals))),
                allowance_wei=await self._allowance_wei(token),
            )
        return FundsReading(started_at_ms=started_at_ms, tokens=readings, orders=orders, journaled=journaled)

    async def _allowance_wei(self, token: Token) -> int:
        if self._node is None:
            return UNLIMITED_WEI  # nobody can be asked but the venue, when the order comes
        chain = await self._chain.get()
        return await self._node.allowance(token.address, self._signer.address, chain.exchange_contract)


class TrustedContract:
    """The exchange contract that was pinned, asked for when it is needed: a `ChainSource` of the resolver.

    Parameters
    ----------
    chain
        The chain that is trusted.
    node
        A node of it.
    fee_ceiling_wei
        Most that one transaction may cost, in the chain's own coin.
    """

    def __init__(self, chain: TrustedChain, node: EvmNode, *, fee_ceiling_wei: int) -> None:
        self._chain = chain
        self._node = node
        self._fee_ceiling_wei = fee_ceiling_wei

    async def remaining(self, order_hash: str) -> int:
        """Return what the contract keeps of an order. See `ExchangeContract.remaining`."""
        return await (await self.get()).remaining(order_hash)

    async def timestamp_secs(self) -> int:
        """Return the time of the newest block. See `ExchangeContract.timestamp_secs`."""
        return await (await self.get()).timestamp_secs()

    async def get(self) -> ExchangeContract:
        """Return the contract. Errors as in `TrustedChain.pinned`."""
        chain = await self._chain.pinned()
        domain = domain_of(chain.id, chain.exchange_contract)
        return ExchangeContract(self._node, domain, fee_ceiling_wei=self._fee_ceiling_wei)


class _Lists:
    """The lists of a wallet's orders, as the resolver reads them."""

    def __init__(self, orders: Callable[..., Awaitable[list[Order]]]) -> None:
        self._orders = orders

    async def read_orders(self, statuses: Sequence[str]) -> list[Order]:
        """Return all pages of one list."""
        return await self._orders(statuses=statuses)
