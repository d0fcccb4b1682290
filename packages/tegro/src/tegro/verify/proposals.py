"""V25: the order that the venue proposes to sign. A question, though it is a POST: nothing changes at the venue."""

from tegro import convert, wire
from tegro.errors import SigningRefused
from tegro.model import Chain
from tegro.offered import proposal_body
from tegro.order_form import require_form, sample_order
from tegro.verify.json_form import unwrapped
from tegro.verify.probe import ORDERS, UNREADABLE, UNUSED_WALLET, Probe
from tegro.verify.report import Differs, NotChecked


async def proposed_order_has_our_form(probe: Probe) -> str:
    """V25."""
    market, chain = await probe.market(), await _chain(probe)
    request = sample_order(market, chain)
    body = wire.encode(proposal_body(request, UNUSED_WALLET))
    try:
        answer = await probe.post(f"{ORDERS}/typedData/generate", body)
    except Differs as refusal:  # an unused wallet has nothing to trade with, which a venue may mind
        raise NotChecked(f"no order is proposed for an unused wallet: {refusal}") from None
    offered = wire.decode(unwrapped(answer), wire.OrderToSign)
    try:
        require_form(offered, request, maker=UNUSED_WALLET, chain=chain)
    except SigningRefused as difference:
        raise Differs(str(difference)) from None
    return f"proposed for {market.symbol} as it would be signed here"


async def _chain(probe: Probe) -> Chain:
    row = await probe.our_chain()
    try:
        return convert.chain_of(wire.decode(wire.encode(row), wire.ChainInfo))
    except UNREADABLE:
        raise NotChecked("the row of our chain cannot be read (V03 to V05)") from None
