"""Whether a venue takes orders in the form that is signed here: asked once for each market, before its first order.

Venues of an earlier generation scale prices by the decimals of the quote token, or sign no `expiryTime` (protocol 5.3
and 6.7). Where nothing but the digits differ, such a venue takes an order of today's form and rests it at an absurd
price. It shows its own form in the order that it proposes to sign (protocol 4.7).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from tegro import wire
from tegro.desk import domain_of
from tegro.errors import BadReply, RateLimited, Refused, SigningRefused
from tegro.model import Chain, Market, OrderRequest, Side
from tegro.offered import check_offered_form, proposal_body
from tegro.order_terms import minimum_value_wei

_log = logging.getLogger(__name__)

SAMPLE_PRICE: Final = Decimal(1)
"""A multiple of every tick size, and one that each scaling writes with other digits."""


class OrderFormCheck:
    """Holds the orders that a venue proposes against those that are signed here.

    Parameters
    ----------
    propose
        Asks the venue (`RestClient.generate_order`).
    maker
        The wallet that signs.
    """

    def __init__(self, propose: Callable[[wire.GenerateOrderBody], Awaitable[wire.OrderToSign]], maker: str) -> None:
        self._propose = propose
        self._maker = maker
        self._asking = asyncio.Lock()
        self._passed: set[tuple[str, str]] = set()

    async def require(self, market: Market, chain: Chain) -> None:
        """Refuse a market whose orders have another form. Only the first call for it asks the venue.

        A venue that refuses to propose anything, or answers in an unknown way, does not show its form; orders then go
        out unchecked, and the log says so.

        Raises
        ------
        SigningRefused
            If the venue proposes to sign something else than what would be signed here for the same order.
        NotConnected, RateLimited
            If the venue gives no answer now. It may be repeated.
        """
        subject = (market.id, chain.exchange_contract)
        if subject in self._passed:
            return
        async with self._asking:
            if subject not in self._passed:
                await self._compare(market, chain)
                self._passed.add(subject)

    async def _compare(self, market: Market, chain: Chain) -> None:
        request = sample_order(market, chain)
        try:
            offered = await self._propose(proposal_body(request, self._maker))
        except RateLimited:
            raise
        except (Refused, BadReply) as error:
            _log.warning("whether %s takes orders in the form signed here could not be seen: %s", market.symbol, error)
            return
        require_form(offered, request, maker=self._maker, chain=chain)


def sample_order(market: Market, chain: Chain) -> OrderRequest:
    """Return an order for the venue to propose: never signed, and worth the minimum or a little more."""
    units, rest = divmod(minimum_value_wei(market, chain), 10**market.quote.decimals)
    quantity = Decimal(max(units + (rest > 0), 1))
    return OrderRequest(market=market, side=Side.BUY, price=SAMPLE_PRICE, quantity=quantity)


def require_form(offered: wire.OrderToSign, request: OrderRequest, *, maker: str, chain: Chain) -> None:
    """Refuse a venue that proposes another message for an order than the one that is signed here.

    Raises
    ------
    SigningRefused
        With the first difference.
    """
    try:
        check_offered_form(offered, request, maker=maker, domain=domain_of(chain.id, chain.exchange_contract))
    except SigningRefused as error:
        raise SigningRefused(
            f"this venue does not take orders on {request.market.symbol} in the form that this version signs (prices "
            f"times 10^18, with expiryTime): {error}"
        ) from None
