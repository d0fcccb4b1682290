"""Doing again what a journal says, and comparing what comes of it with what came of it then."""

import msgspec

from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.commands import (
    BatchSent,
    BatchUnsent,
    Cancelled,
    CancelledOnChain,
    ChainFollowed,
    Command,
    Effect,
    Entry,
    Expired,
    FeeChanged,
    HoldingRead,
    Placed,
    PrecisionsChanged,
    SettledElsewhere,
    TradeFailed,
    TradeSettled,
    TradesUnsettled,
)


class DivergenceError(LocalnetError):
    """A journal run again gave something else than was written down."""


def run_again(lifecycle: SharedLifecycle, record: bytes, place: str) -> None:
    """Do one step of a journal again.

    Parameters
    ----------
    lifecycle : Lifecycle
        In the state before the step.
    record : bytes
        The step as it was written.
    place : str
        Where it stands, for the sentence of a failure.

    Raises
    ------
    DivergenceError
        If the step is not possible or its effects differ.
    """
    try:
        entry = msgspec.json.decode(record, type=Entry)
        effects = _effects_of(lifecycle, entry)
    except (msgspec.DecodeError, KeyError) as error:
        raise DivergenceError(f"{place}: the step cannot be done again: {type(error).__name__}: {error}") from error
    if effects != entry.effects:
        name = type(entry.command).__name__
        raise DivergenceError(f"{place}: {name} gave {_named(effects)} where {_named(entry.effects)} was written")


def _effects_of(lifecycle: SharedLifecycle, entry: Entry) -> tuple[Effect, ...]:
    with lifecycle.steps.again(entry) as effects:
        _do(lifecycle, entry.command)
        return tuple(effects)


def _do(lifecycle: SharedLifecycle, command: Command) -> None:  # noqa: C901, PLR0912 - one line for each kind
    orders, trades = lifecycle.orders, lifecycle.trades
    match command:
        case Placed():
            lifecycle.accept(command.order, command.market_id, command.order_hash)
        case Cancelled():
            lifecycle.end_orders([orders[item] for item in command.order_ids], command.code, command.reason)
        case Expired():
            lifecycle.end_expired()
        case HoldingRead():
            lifecycle.take_holding(command.wallet, command.token, command.balance_wei, command.allowance_wei)
        case ChainFollowed():
            lifecycle.chain_followed(command.next_block)
        case BatchSent():
            lifecycle.send_batch([trades[item] for item in command.trade_ids], command.after_block)
        case BatchUnsent():
            lifecycle.batch_unsent()
        case TradeSettled():
            lifecycle.settle(trades[command.trade_id], command.tx_hash)
        case TradeFailed():
            lifecycle.fail(trades[command.trade_id], command.tx_hash, command.reason)
        case TradesUnsettled():
            lifecycle.unsettle([trades[item] for item in command.trade_ids])
        case PrecisionsChanged():
            lifecycle.change_precisions(command.market_id, command.base_precision, command.quote_precision)
        case CancelledOnChain():
            lifecycle.cancelled_on_chain(command.order_hash)
        case SettledElsewhere():
            lifecycle.settled_elsewhere(command)
        case FeeChanged():
            lifecycle.change_fee(command.fee_bps)


def _named(effects: tuple[Effect, ...]) -> str:
    return ", ".join(str(effect) for effect in effects) or "nothing"
