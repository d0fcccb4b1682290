"""The blocking twin of `AsyncTegro`, for programs without an event loop.

Written by `scripts/sync_twin` from the asynchronous source; change that one. Requests are built, sent and read by the
same code: each method runs its namesake on an event loop in a thread of the client.

::

    with Tegro(Settings.load().environment("testnet"), signer=LocalSigner(key)) as tegro:
        market = tegro.market("WETH_USDC")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tegro.allowance import AllowanceState, Approval, ApprovalReceipt, StepListener
from tegro.candles import Candle, CandleStore, Interval
from tegro.evm import Receipt
from tegro.market_orders import MarketResult
from tegro.model import (
    Balance,
    BookSnapshot,
    Chain,
    ChartBar,
    Fill,
    Market,
    Order,
    OrderRequest,
    Side,
    Ticker,
    Token,
    Trade,
)
from tegro.order_book import OrderBook
from tegro.outcome import CancelOutcome, NotSent, PlaceOutcome, Resolution
from tegro.panic import PanicReport
from tegro.sync_base import AllowanceBase, TegroBase
from tegro.venue_reader import CONCURRENCY


class Tegro(TegroBase):
    """Blocking twin of `AsyncTegro`."""

    def markets(self, *, refresh: bool = False) -> list[Market]:
        """Return every verified market of the chain, from all pages, by volume.

        Parameters
        ----------
        refresh
            False answers from memory after the first call.
        """
        return self._call(self._twin.markets(refresh=refresh))

    def market(self, symbol: str) -> Market:
        """Return a market by its symbol (`WETH_USDC`) or its id.

        A symbol that is not known is looked for anew once, since it may just have been listed.

        Raises
        ------
        InvalidInput
            If there is none, or the symbol belongs to several markets; then give the id.
        """
        return self._call(self._twin.market(symbol))

    def ticker(self, symbol: str) -> Ticker:
        """Return a market's last 24 hours. Errors as in `market`."""
        return self._call(self._twin.ticker(symbol))

    def tickers(self) -> list[tuple[Market, Ticker]]:
        """Return every verified market of the chain with its last 24 hours, from all pages, by volume."""
        return self._call(self._twin.tickers())

    def book(self, symbol: str) -> BookSnapshot:
        """Return a market's whole order book. Errors as in `market`."""
        return self._call(self._twin.book(symbol))

    def public_trades(self, symbol: str, *, limit: int = 50) -> list[Trade]:
        """Return a market's latest trades, `limit` at most. Errors as in `market`."""
        return self._call(self._twin.public_trades(symbol, limit=limit))

    def chart(self, symbol: str, *, interval_secs: int, start_ms: int, end_ms: int) -> list[ChartBar]:
        """Return the venue's own chart bars that open in a time, both ends included (protocol 10).

        The venue draws 300, 900, 3600, 14400, 86400 and 604800 seconds; `AsyncTegro.candles` gives sixteen intervals.
        Errors as in `market`.
        """
        return self._call(self._twin.chart(symbol, interval_secs=interval_secs, start_ms=start_ms, end_ms=end_ms))

    def is_healthy(self) -> bool:
        """Return whether the venue's health check answers (protocol 4.16).

        Raises
        ------
        NotConnected
            If nothing answers at all.
        """
        return self._call(self._twin.is_healthy())

    def balances(self, wallet: str | None = None) -> list[Balance]:
        """Return what a wallet holds of every token that the venue tracks for it; None means the signer's wallet."""
        return self._call(self._twin.balances(wallet))

    def balance(self, token: Token, wallet: str | None = None) -> Decimal:
        """Return what a wallet holds of one token, in human units; None means the signer's wallet."""
        return self._call(self._twin.balance(token, wallet))

    def orders(
        self, wallet: str | None = None, *, statuses: Sequence[str] = (), market: Market | None = None
    ) -> list[Order]:
        """Return a wallet's orders, from all pages.

        Parameters
        ----------
        wallet
            None means the signer's wallet.
        statuses
            The venue's filter words: `active`, `completed`, `cancelled`, `matched`; empty means no filter.
        market
            None means every market of the chain.
        """
        return self._call(self._twin.orders(wallet, statuses=statuses, market=market))

    def order(self, order_id: str, wallet: str | None = None) -> Order | None:
        """Return one order of a wallet; None where the venue lists none with this id."""
        return self._call(self._twin.order(order_id, wallet))

    def order_by_hash(self, order_hash: str) -> Order | None:
        """Return the signer's order with this hash; None where no list of the venue has it.

        The venue has no look-up by hash, so this reads the open orders, then all of them. That the order is not there
        is weak evidence: one that was signed without an expiry may still arrive.
        """
        return self._call(self._twin.order_by_hash(order_hash))

    def trades_of(self, order_id: str) -> list[Trade]:
        """Return the fills of an order; none yet is an empty list."""
        return self._call(self._twin.trades_of(order_id))

    def fills(self, wallet: str | None = None, *, market: Market | None = None) -> list[Fill]:
        """Return a wallet's fills, oldest first: one for each side that the wallet had in a trade.

        The venue lists trades by order only, so this asks once for each order that has matched.

        Parameters
        ----------
        wallet
            None means the signer's wallet.
        market
            None means every market of the chain.
        """
        return self._call(self._twin.fills(wallet, market=market))

    def chains(self) -> list[Chain]:
        """Return every chain that the venue lists, read anew.

        Raises
        ------
        SigningRefused
            If our chain's exchange contract is not the one that was pinned. From then on nothing is signed or approved
            until the change was confirmed (`pins`).
        """
        return self._call(self._twin.chains())

    def chain(self) -> Chain:
        """Return the chain of the environment. The venue is asked again from time to time.

        Raises
        ------
        InvalidInput
            If the venue does not list it: the settings name the wrong venue or the wrong chain.
        SigningRefused
            As in `chains`.
        """
        return self._call(self._twin.chain())

    def fresh_book(self, market: Market) -> OrderBook:
        """Return a market's order book as it is now: a followed one that is not stale, else one read anew."""
        return self._call(self._twin.fresh_book(market))

    def prepare(self, markets: Iterable[Market]) -> None:
        """Do now what the first order on these markets would otherwise wait for. May be repeated.

        It takes up what the journal has left open, pins the exchange contract and the tokens, reads their decimals from
        the chain, asks the venue in which form it takes orders, and reads the wallet's funds. From then on an order is
        one HTTP request.

        Raises
        ------
        SigningRefused
            As in `place`.
        TegroError
            If the venue or the node cannot be read.
        """
        return self._call(self._twin.prepare(markets))

    def place(self, request: OrderRequest) -> PlaceOutcome:
        """Check an order, sign it and send it, once: one HTTP request where everything was read before (`prepare`).

        The order is in the journal before it leaves. If the outcome is `Unknown`, or this call is cancelled, the order
        may be live: do not send it again. The client looks for it (`resolve`), and what it may cost stays reserved.

        Raises
        ------
        InvalidInput
            If price, quantity or value is one that the venue must refuse, the wallet does not hold what it may cost, a
            limit-maker would trade at once, or it is a market order (`place_market`). Nothing was signed.
        LimitExceeded
            If a limit of the settings forbids it. Nothing was signed.
        AllowanceMissing
            If the exchange contract may not move enough. Nothing was signed.
        SigningRefused
            If the venue is not what was pinned, takes orders in another form than the one that is signed here, proposes
            something else than what was meant, or the signer will not sign. Nothing was sent.
        NotConnected
            If no connection could be made. The order did not leave this machine.
        """
        return self._call(self._twin.place(request))

    def place_many(
        self, requests: Sequence[OrderRequest], *, concurrency: int = CONCURRENCY
    ) -> list[PlaceOutcome | NotSent]:
        """Place several orders and return what became of each, in their order. One that fails stops no other.

        Parameters
        ----------
        concurrency
            How many are under way at a time.

        Raises
        ------
        InvalidInput
            If `concurrency` is below 1. What is wrong with an order is in its `NotSent`.
        """
        return self._call(self._twin.place_many(requests, concurrency=concurrency))

    def place_market(
        self,
        market: Market,
        side: Side,
        quantity: Decimal,
        *,
        max_slippage_bps: int | None = None,
        client_order_id: str | None = None,
    ) -> MarketResult:
        """Buy or sell through the book at once, and cancel what does not match.

        The venue knows limit orders only (protocol 5.2), and its contract settles at the sell's limit (7.3). So a buy
        is one order at the worst price it needs, and a sell one order per bid level at that level's price.

        Parameters
        ----------
        quantity
            In base.
        max_slippage_bps
            How much worse than the best price the worst one may be; None takes the one of the settings.
        client_order_id
            Name of the first order; each further one gets a number behind it.

        Raises
        ------
        InvalidInput
            If nobody is on the other side, or what can be filled is worth too little. Nothing was signed.
        TegroError
            As in `place`, for the first order. What stops a later one is in the result.
        """
        return self._call(
            self._twin.place_market(
                market, side, quantity, max_slippage_bps=max_slippage_bps, client_order_id=client_order_id
            )
        )

    def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders by their ids: one signature, one HTTP request. It may be repeated.

        Raises
        ------
        InvalidInput
            If no id is given.
        SigningRefused, NotConnected
            As in `place`.
        """
        return self._call(self._twin.cancel(order_ids))

    def cancel_by_hash(self, order_hash: str) -> CancelOutcome:
        """Cancel an order of the journal whose id may not be known yet. It may be repeated.

        While the order's own fate is unknown the cancel waits, also over a restart, and is sent when the order shows
        up; the outcome is `CancelUnknown` then. Errors as in `cancel`, and `InvalidInput` for an order that this
        journal does not know.
        """
        return self._call(self._twin.cancel_by_hash(order_hash))

    def cancel_all(self, market: Market | None = None, *, by_endpoint: bool = False) -> CancelOutcome:
        """Cancel the signer's open orders, on one market or (None) on the whole chain.

        It lists them and signs the list of ids.

        Parameters
        ----------
        by_endpoint
            Use the venue's own cancel-all instead, for the whole chain. Its signature never changes: whoever sees it
            once can cancel this wallet's orders with it at any later time (protocol 4.11).

        Raises
        ------
        TegroError
            As in `cancel`.
        """
        return self._call(self._twin.cancel_all(market, by_endpoint=by_endpoint))

    def panic(
        self, *, on_chain: bool = False, revoke: bool = True, progress: Callable[[str], None] | None = None
    ) -> PanicReport:
        """Cancel everything, take the allowances back, and report what could still execute. It may be repeated.

        It goes on where a step fails, and says so in the report.

        Parameters
        ----------
        on_chain
            Also make the exchange contract refuse each order that is open or of unknown fate: one transaction for each.
        revoke
            Take back what the exchange contract may move: one transaction for each token. Without a node of the chain
            (`rpc_url`) this fails, and the report says so.
        progress
            Told what is done next, in a few words; None tells nobody.
        """
        return self._call(self._twin.panic(on_chain=on_chain, revoke=revoke, progress=progress))

    def cancel_on_chain(self, order_hash: str) -> Receipt | None:
        """Make the exchange contract refuse an order of the journal for ever. It may be repeated.

        The only cancel that does not rest on the venue's word. The wallet pays for the transaction.

        Returns
        -------
        Receipt or None
            None where the contract has finished the order already; nothing was sent then.

        Raises
        ------
        InvalidInput
            If the order is not in the journal, or the environment has no `rpc_url`.
        SigningRefused, ChainFailure
            As in `tegro.exchange_contract.ExchangeContract.cancel_order`.
        """
        return self._call(self._twin.cancel_on_chain(order_hash))

    def resolve(self, order_hash: str) -> Resolution:
        """Find out what became of an order whose outcome is `Unknown`, waiting for it. It may be repeated.

        Raises
        ------
        InvalidInput
            If the order is not in the journal.
        """
        return self._call(self._twin.resolve(order_hash))

    def resume(self) -> list[Resolution]:
        """Take up what an earlier run has left open, and return what became of each such order.

        The first write of a client does this too, in the background. Call it to know before trading goes on.
        """
        return self._call(self._twin.resume())

    def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int | None = None,
        store: CandleStore | None = None,
    ) -> list[Candle]:
        """Return a market's candles, oldest first, without a gap; nothing is made up.

        Parameters
        ----------
        start_ms
            Unix milliseconds; the first candle holds this moment. Give it or `limit`.
        end_ms
            The candles open before it; None means now.
        limit
            How many candles, back from `end_ms`.
        store
            What was seen before; it learns what is read. None knows only what the venue shows now.

        Raises
        ------
        HistoryMissing
            If not everything of that time is known; `since_ms` says from when on it is.
        TegroError
            As in `tegro.candles.candle_history`.
        """
        return self._call(
            self._twin.candles(symbol, interval, start_ms=start_ms, end_ms=end_ms, limit=limit, store=store)
        )


class SyncAllowanceManager(AllowanceBase):
    """Blocking twin of `AllowanceManager`."""

    def state(self, tokens: Iterable[Token]) -> list[AllowanceState]:
        """Return allowance, cap and balance of each token, read from the chain."""
        return self._call(self._twin.state(tokens))

    def plan(self, caps: Mapping[Token, int], *, unlimited: bool = False) -> list[Approval]:
        """Return the approvals that are needed: those of tokens whose allowance is below the amount. Sends nothing.

        Parameters
        ----------
        caps
            The exact allowance wanted of each token, in its smallest unit. A token may stand there twice under two
            symbols; it is planned once.
        unlimited
            True asks for 2^256 - 1 of every one of them instead. The exchange contract can then move all that the
            wallet ever holds of them.

        Raises
        ------
        InvalidInput
            If an amount is negative, or is 2^256 - 1 or more without `unlimited`, or one token has two amounts.
        """
        return self._call(self._twin.plan(caps, unlimited=unlimited))

    def apply(
        self, plan: Sequence[Approval], *, budget_wei: int | None = None, on_step: StepListener | None = None
    ) -> list[ApprovalReceipt]:
        """Make the approvals one by one, and wait for each. May be repeated: what is there already is skipped.

        A token that refuses to change an allowance that is not zero gets one transaction more, which sets it to zero.
        Until the second one is in a block, the venue sees no allowance and may cancel resting orders (code 712).

        Parameters
        ----------
        plan
            What `plan` returned. A token that stands there twice gets one approval.
        budget_wei
            Most that all of it may cost, in the chain's own coin. None: only the ceiling of each transaction counts.
        on_step
            Told each transaction, when it is sent and when it is in a block.

        Raises
        ------
        SigningRefused
            If an approval is for another spender than the chain's exchange contract.
        InvalidInput
            If one token has two amounts.
        FeeTooHigh, GasMissing
            If a transaction could cost more than allowed or held. It was not signed; those before it were made.
        TransactionFailed
            If a transaction failed, or was not seen in time: the sentence then says that it may still come. The next
            call replaces it.
        ChainFailure
            If one cannot be made for another reason; those before it were made.
        """
        return self._call(self._twin.apply(plan, budget_wei=budget_wei, on_step=on_step))

    def revoke(
        self, tokens: Iterable[Token] | None = None, *, spender: str | None = None, on_step: StepListener | None = None
    ) -> list[ApprovalReceipt]:
        """Take back what the contract may move: set the allowances that are not zero to zero. May be repeated.

        One that cannot be taken back does not keep the others from being.

        Parameters
        ----------
        tokens
            Which; None means all that the venue lists.
        spender
            Whose allowance; None means the chain's exchange contract. To name an earlier contract is safe, because
            nothing is given.
        on_step
            Told each transaction, when it is sent and when it is in a block.

        Raises
        ------
        InvalidInput
            If no tokens are named and none are known.
        ChainFailure
            If some allowances were not taken back; the sentence names each token and its cause.
        """
        return self._call(self._twin.revoke(tokens, spender=spender, on_step=on_step))
