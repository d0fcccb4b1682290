"""The numbered facts, in the order in which they are looked at.

A check returns what it saw, raises `Differs` with what it saw instead, or `NotChecked` with why it could not look.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from tegro.verify import accounts, books, chains, markets, proposals, service
from tegro.verify.probe import Probe


class Check(Struct, frozen=True):
    """One fact of `docs/protocol.md` and how it is looked at."""

    number: str
    fact: str
    section: str
    look: Callable[[Probe], Awaitable[str]]


CHECKS: Final = (
    Check("V01", "the chain list is a bare JSON array", "4.1, 3.3", chains.chain_list_is_bare),
    Check("V02", "our chain is listed by its number and Active", "4.1", chains.our_chain_is_active),
    Check(
        "V03",
        "exchange_contract is an address with code on our chain",
        "4.1, 2.4",
        chains.exchange_contract_has_code,
    ),
    Check("V04", "min_order_value is a string of digits", "4.1", chains.minimum_is_a_decimal_string),
    Check("V05", "fee, as percent, is within the contract's cap of 1", "4.1, 7.3", chains.fee_is_below_the_cap),
    Check(
        "V06",
        "markets decode; symbols are BASE_QUOTE, ids {chain}_{base}_{quote}",
        "4.2",
        markets.market_rows_decode,
    ),
    Check("V07", "page_size is honoured and page 2 repeats nothing", "3.6, 4.2", markets.pages_hold_what_is_asked),
    Check("V08", "the filters verified and market_symbol are obeyed", "4.2", markets.filters_are_obeyed),
    Check(
        "V09",
        "base_decimal and quote_decimal are the tokens' decimals on the chain",
        "4.2",
        markets.token_decimals_equal_the_chains,
    ),
    Check("V10", "both sides of a book run from high to low and do not cross", "4.4, 3.5", books.book_is_in_order),
    Check("V11", "a book by market_symbol is that by market_id", "4.4, 14", books.book_by_symbol_equals_by_id),
    Check("V12", "one market is answered as an object with a whole ticker", "4.3", markets.market_has_ticker),
    Check("V13", "public trades decode as trade objects", "4.5", books.public_trades_decode),
    Check("V14", "an unused wallet's orders are an empty array", "4.12", accounts.unused_wallet_has_no_orders),
    Check("V15", "a portfolio is an array of token rows", "4.14", accounts.portfolio_decodes),
    Check("V16", "the balance of one token is one number", "4.15", accounts.balance_is_one_number),
    Check("V17", "the health check answers", "4.16", service.health_answers),
    Check("V18", "the stream takes a subscription, answers a ping and tells events", "8", service.stream_answers),
    Check("V19", "a bad request gets HTTP 400 and an error text", "3.7", service.refusal_names_its_error),
    Check("V20", "our EIP-712 domain is the contract's", "6.1", chains.domain_equals_the_contracts),
    Check(
        "V25",
        "the venue proposes orders in the form that this project signs",
        "4.7, 5.3, 6.2",
        proposals.proposed_order_has_our_form,
    ),
)
