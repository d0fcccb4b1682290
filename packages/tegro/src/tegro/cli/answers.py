"""What became of a write, as a command shows it: a document for programs, a sentence for people, an exit code."""

from decimal import Decimal
from typing import Final

import typer
from msgspec import Struct

from tegro.cli.output import Form, json_form, plain, say, show_json, tell
from tegro.market_orders import MarketResult
from tegro.outcome import (
    Absent,
    Accepted,
    Cancelled,
    CancelOutcome,
    CancelRejected,
    NotSent,
    PlaceOutcome,
    Rejected,
    Resolution,
    SeenOnChain,
    Unknown,
)

DONE: Final = 0
REFUSED: Final = 1
UNKNOWN: Final = 3


def document(outcome: Struct) -> dict[str, object]:
    """Return an outcome with its kind: `accepted`, `rejected`, `unknown` and so on."""
    form = json_form(outcome)
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(outcome).__name__)
    members: dict[str, object] = form if isinstance(form, dict) else {}
    return {"outcome": name.removeprefix("_"), **members}


def finish(code: int) -> None:
    """End the command with an exit code."""
    if code:
        raise typer.Exit(code)


def show_placed(outcome: PlaceOutcome, form: Form) -> int:
    """Show the answer to an order and return the exit code."""
    if form is Form.JSON:
        show_json(document(outcome))
    return _tell_placed(outcome, form)


def _tell_placed(outcome: PlaceOutcome, form: Form) -> int:
    match outcome:
        case Accepted():
            say(f"accepted as {outcome.order_id}, hash {outcome.order_hash}", form)
            return DONE
        case Rejected():
            tell(f"refused: {outcome.reason}")
            return REFUSED
        case Unknown():
            tell(f"the order may be live ({outcome.cause}); do not send it again")
            tell(f"find out with: tegro order resolve {outcome.order_hash}")
            return UNKNOWN


def show_cancelled(outcome: CancelOutcome, form: Form) -> int:
    """Show the answer to a cancel and return the exit code."""
    if form is Form.JSON:
        show_json(document(outcome))
    match outcome:
        case Cancelled():
            say(f"cancelled: {' '.join(outcome.cancelled) or 'nothing'}", form)
            if outcome.not_cancelled:
                tell(f"not cancelled: {' '.join(outcome.not_cancelled)}")
                return REFUSED
            return DONE
        case CancelRejected():
            tell(f"refused: {outcome.reason}")
            return REFUSED
        case _:
            tell(f"not known whether it worked ({outcome.cause}); cancelling again is safe")
            return UNKNOWN


def resolved_sentence(resolution: Resolution) -> str:
    """Return what was found out about an order, in a sentence."""
    order_hash = resolution.order_hash
    match resolution:
        case Accepted():
            return f"order {order_hash} is at the venue as {resolution.order_id}: {resolution.order.status}"
        case Rejected():
            return f"order {order_hash} will not execute: {resolution.reason}"
        case SeenOnChain():
            is_over = resolution.remaining_wei == 0
            rest = "nothing of it remains" if is_over else f"{resolution.remaining_wei} base units of it remain"
            return f"order {order_hash} is known to the exchange contract, where {rest}"
        case Absent():
            return (
                f"order {order_hash} was not found ({resolution.reason}) and may still execute; its funds stay reserved"
            )
        case Unknown():
            return (
                f"order {order_hash} could not be looked for ({resolution.cause}); it may be live, do not send it again"
            )


def resolved_code(resolution: Resolution) -> int:
    """Return the exit code for what was found out: done where the order's fate is known and it was taken."""
    if isinstance(resolution, Rejected):
        return REFUSED
    return UNKNOWN if isinstance(resolution, Absent | Unknown) else DONE


def show_market(result: MarketResult, form: Form) -> int:
    """Show what became of a market order and return the exit code."""
    if form is Form.JSON:
        show_json(_market_document(result))
    for outcome in result.outcomes:
        if isinstance(outcome, NotSent):
            tell(f"not sent: {outcome.reason}")
        elif not isinstance(outcome, Accepted):
            _tell_placed(outcome, form)
    matched = sum((order.filled + order.pending for order in result.orders), Decimal(0))
    if result.orders:
        say(f"matched {plain(matched)} in {' '.join(order.order_id for order in result.orders)}", form)
    if result.plan.unfilled:
        tell(f"the book held nothing for {plain(result.plan.unfilled)} within the slippage cap")
    return max(_remainder_code(result), *(_slice_code(outcome) for outcome in result.outcomes))


def _market_document(result: MarketResult) -> dict[str, object]:
    return {
        "plan": result.plan,
        "outcomes": [document(outcome) for outcome in result.outcomes],
        "remainder": None if result.remainder is None else document(result.remainder),
        "orders": result.orders,
    }


def _slice_code(outcome: PlaceOutcome | NotSent) -> int:
    if isinstance(outcome, Accepted):
        return DONE
    return UNKNOWN if isinstance(outcome, Unknown) else REFUSED


def _remainder_code(result: MarketResult) -> int:
    """Return the exit code for the cancel of what did not match."""
    match result.remainder:
        case None | Cancelled(not_cancelled=()):
            return DONE
        case Cancelled() as cancel:
            # Those that had matched whole are no longer there to be cancelled.
            resting = {order.order_id for order in result.orders if order.is_open}
            left = resting.intersection(cancel.not_cancelled)
            if left:
                tell(f"the rest was not cancelled and may still trade: {' '.join(sorted(left))}")
            return REFUSED if left else DONE
        case CancelRejected(not_found=True):
            return DONE
        case CancelRejected(reason=why) | NotSent(reason=why):
            tell(f"the rest was not cancelled and may still trade: {why}")
            return REFUSED
        case unclear:
            tell(
                f"not known whether the rest was cancelled ({unclear.cause}); cancel it with: tegro order cancel --all"
            )
            return UNKNOWN
