"""Lets the exchange contract move what orders need: read first, bounded, beside the order path."""

from collections.abc import Iterable
from logging import Logger

from tegro.client import AsyncTegro
from tegro.model import Market


async def approve_missing(client: AsyncTegro, markets: Iterable[Market], *, logger: Logger) -> None:
    """Approve each token of these markets up to its cap, where less than that is allowed now.

    The cap is the one of the settings file, else what the wallet holds of the token: an approval never reaches further
    than the user said, and is never unlimited. Each one is a transaction, paid by the wallet in the chain's coin. May
    be repeated; it then finds nothing to do.

    Raises
    ------
    TegroError
        If the chain's node cannot be used, a transaction fails, or the settings are wrong.
    """
    tokens = {token.address: token for market in markets for token in (market.base, market.quote)}
    states = await client.allowances.state(tokens.values())
    caps = {state.token: state.balance_wei if state.cap_wei is None else state.cap_wei for state in states}
    plan = await client.allowances.plan(caps)
    if not plan:
        return
    await client.allowances.apply(plan)
    amounts = ", ".join(
        f"{approval.token.from_wei(approval.amount_wei):f} {approval.token.symbol}" for approval in plan
    )
    logger.info("Approved for Tegro's exchange contract %s: %s.", plan[0].spender, amounts)
