"""Numbers as the dialect writes and reads them: plain decimal text (perpetual dialect 1.6)."""

from decimal import Decimal

from tegro.model import scaled
from tegro.wire import is_decimal
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.units import nearest_div


def amount_text(amount_e8: int) -> str:
    """Write an amount with eight decimals."""
    return _text(amount_e8, 8)


def quantity_text(quantity_e8: int, contract: Contract) -> str:
    """Write a quantity with the decimals of its contract."""
    return _text(quantity_e8 // contract.step_e8, contract.quantity_decimals)


def price_text(price_e18: int, decimals: int = 8) -> str:
    """Write a price, rounded to some decimals."""
    return _text(nearest_div(price_e18, 10 ** (18 - decimals)), decimals)


def rate_text(rate_ppm: int) -> str:
    """Write a rate of parts per million as a fraction."""
    return _text(rate_ppm, 6)


def read_number(text: str, name: str, decimals: int) -> int:
    """Read a decimal, exponent form included, as an integer of that many decimals.

    Raises
    ------
    Rejected
        If it is no number (-1102), too large (-1100), or finer than that (-1111).
    """
    if not is_decimal(text):
        raise Rejected(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    value = Decimal(text)
    if abs(value.adjusted()) > 30:
        raise Rejected(-1100, f"Illegal characters found in parameter '{name}'.")
    try:
        return scaled(value, decimals, name)
    except ValueError:
        raise Rejected(-1111) from None


def _text(value: int, decimals: int) -> str:
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}" if decimals else f"{sign}{whole}"
