"""V01 to V05 and V20: the chain list and the exchange contract."""

import re
from decimal import Decimal
from typing import Any, Final

from tegro import convert, wire
from tegro.eip712 import Domain, OrderMessage, parse_address, to_checksum
from tegro.evm import EvmNode, Reverted
from tegro.verify.json_form import described, kind_of, members_of, rows_of
from tegro.verify.probe import UNUSED_WALLET, Probe
from tegro.verify.report import Differs, NotChecked

_MAX_FEE_PERCENT: Final = Decimal(1)
"""The contract's cap of 100 basis points (protocol 7.3)."""

_ORDER_FIELDS: Final = (
    ("baseToken", "address"),
    ("quoteToken", "address"),
    ("price", "uint256"),
    ("totalQuantity", "uint256"),
    ("isBuy", "bool"),
    ("salt", "uint256"),
    ("maker", "address"),
    ("expiryTime", "uint256"),
)
"""Protocol 6.2, written again rather than taken from the encoder that is checked."""


def _view(name: str, outputs: tuple[str, ...], inputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": inputs or [],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


_EIP712_DOMAIN: Final = _view(
    "eip712Domain", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
)
_DOMAIN_SEPARATOR: Final = _view("DOMAIN_SEPARATOR", ("bytes32",))
_HASH_ORDER: Final = _view(
    "hashOrder",
    ("bytes32",),
    [{"name": "order", "type": "tuple", "components": [{"name": n, "type": t} for n, t in _ORDER_FIELDS]}],
)


async def chain_list_is_bare(probe: Probe) -> str:
    """V01."""
    body = await probe.chain_list()
    if kind_of(body) != "array":
        raise Differs(f"the body is {described(body)}")
    rows = [members_of(row) for row in rows_of(body)]
    listed = [f"{wire.text_of(row['name'])} ({wire.text_of(row['id'])})" for row in rows if {"name", "id"} <= set(row)]
    return f"lists {', '.join(listed)}" if listed else "the array is empty"


async def our_chain_is_active(probe: Probe) -> str:
    """V02."""
    row = await probe.listed_chain()
    if row is None:
        raise Differs(f"chain {probe.chain_id} is not in the list")
    if kind_of(row["id"]) != "number":
        raise Differs(f"id is a {kind_of(row['id'])}")
    if "Active" not in row:
        raise Differs(f"the row has no Active, it has {', '.join(row)}")
    if bytes(row["Active"]) != b"true":
        raise Differs(f"Active is {wire.text_of(row['Active'])}")
    return f"listed as {wire.text_of(row['name']) if 'name' in row else 'a chain without a name'}"


async def exchange_contract_has_code(probe: Probe) -> str:
    """V03."""
    row = await probe.our_chain()
    written = row.get("exchange_contract")
    if written is None or kind_of(written) != "string":
        raise Differs(f"exchange_contract is {described(written)}")
    try:
        address = parse_address(wire.text_of(written))
    except ValueError as error:
        raise Differs(str(error)) from None
    if not await probe.node().code(address):
        raise Differs(f"{address} has no code on chain {probe.chain_id}")
    return f"{wire.text_of(written)} has code on chain {probe.chain_id}"


async def minimum_is_a_decimal_string(probe: Probe) -> str:
    """V04."""
    written = (await probe.our_chain()).get("min_order_value")
    if written is None or not re.fullmatch(rb'"\d+"', bytes(written)):
        raise Differs("min_order_value is " + ("missing" if written is None else str(written, "utf-8")))
    return f"{wire.text_of(written)} base units of the quote token"


async def fee_is_below_the_cap(probe: Probe) -> str:
    """V05."""
    written = (await probe.our_chain()).get("fee")
    if written is None:
        raise Differs("fee is missing")
    percent = convert.amount_of(written)
    if not 0 <= percent <= _MAX_FEE_PERCENT:
        raise Differs(f"fee is {percent:f}")
    return f"fee is the {kind_of(written)} {percent:f}, taken as percent"


async def domain_equals_the_contracts(probe: Probe) -> str:
    """V20: by EIP-5267, by the common getter, else by the contract's hash of an order."""
    node = probe.node()
    domain = Domain(chain_id=probe.chain_id, verifying_contract=await probe.exchange_contract())
    for compare in (_compare_eip5267, _compare_separator, _compare_order_hash):
        try:
            return await compare(node, domain)
        except Reverted:
            continue
    raise NotChecked("the contract answers none of eip712Domain, DOMAIN_SEPARATOR and hashOrder")


async def _compare_eip5267(node: EvmNode, domain: Domain) -> str:
    _, name, version, chain_id, contract, _, _ = await node.read(domain.verifying_contract, _EIP712_DOMAIN)
    if Domain(int(chain_id), str(contract), str(name), str(version)).separator != domain.separator:
        raise Differs(f"eip712Domain answers {name!r}, {version!r}, {chain_id}, {contract}")
    return f"eip712Domain answers {name!r}, {version!r}, {chain_id}, {contract}"


async def _compare_separator(node: EvmNode, domain: Domain) -> str:
    separator = bytes(await node.read(domain.verifying_contract, _DOMAIN_SEPARATOR))
    if separator != domain.separator:
        raise Differs(f"DOMAIN_SEPARATOR is 0x{separator.hex()}, ours is 0x{domain.separator.hex()}")
    return f"DOMAIN_SEPARATOR is 0x{separator.hex()}, as ours"


async def _compare_order_hash(node: EvmNode, domain: Domain) -> str:
    """Ask for the hash of an order that nobody signs; it covers the order's type too (protocol 6.2)."""
    maker, token = to_checksum(UNUSED_WALLET), to_checksum(domain.verifying_contract)
    order = OrderMessage(
        base_token=token,
        quote_token=maker,
        price_e18=3,
        total_quantity_wei=5,
        is_buy=True,
        salt=7,
        maker=maker,
        domain=domain,
    )
    answered = bytes(await node.read(token, _HASH_ORDER, (token, maker, 3, 5, True, 7, maker, 0)))
    if answered != order.digest:
        raise Differs(f"hashOrder of a sample is 0x{answered.hex()}, ours is {order.order_hash}")
    return "hashOrder of a sample order equals our digest"
