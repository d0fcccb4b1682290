"""V14 to V16: what the venue says about a wallet that nobody uses."""

import msgspec
from msgspec import Raw

from tegro import convert, wire
from tegro.verify.json_form import described, kind_of, rows_of
from tegro.verify.probe import ORDERS, UNREADABLE, UNUSED_WALLET, Probe
from tegro.verify.report import Differs


async def unused_wallet_has_no_orders(probe: Probe) -> str:
    """V14."""
    query = {"chain_id": str(probe.chain_id), "page": "1", "page_size": "20"}
    body = await probe.get(f"{ORDERS}/user/{UNUSED_WALLET}", query)
    if kind_of(body) != "array":
        raise Differs(f"the body is {described(body)}")
    if rows_of(body):
        raise Differs(f"it has {len(rows_of(body))} orders")
    return ""


async def portfolio_decodes(probe: Probe) -> str:
    """V15."""
    body = await probe.get(f"v1/accounts/{probe.chain_id}/{UNUSED_WALLET}/portfolio")
    if kind_of(body) != "array":
        raise Differs(f"the body is {described(body)}")
    balances = []
    for row in rows_of(body):
        try:
            balances.append(convert.balance_of(wire.decode(row, wire.PortfolioEntry)))
        except UNREADABLE as error:
            raise Differs(f"a row cannot be read: {error}; it is {described(row)}") from None
    if not balances:
        return "the list is empty: tokens of which the wallet has nothing are left out"
    empty = sum(not balance.total for balance in balances)
    return f"{len(balances)} tokens, {empty} of them with balance zero"


async def balance_is_one_number(probe: Probe) -> str:
    """V16."""
    token = (await probe.market()).quote
    body = await probe.get(f"v1/accounts/{probe.chain_id}/balances/{UNUSED_WALLET}/{token.address}")
    kind = kind_of(body)
    if kind not in ("number", "string"):
        raise Differs(f"the body is {described(body)}")
    amount = convert.amount_of(msgspec.json.decode(body, type=Raw))
    return f"the {kind} {amount:f} for {token.symbol}"
