"""The one way in which the perpetual venue says no: a code of the dialect and its text (perpetual dialect 1.9)."""

from typing import Final

_TEXTS: Final = {
    -1106: "Parameter 'reduceonly' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1112: "No orders on book for symbol.",
    -1121: "Invalid symbol.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2022: "ReduceOnly Order is rejected.",
    -2025: "Reach max open order limit.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4015: "Client order id is not valid.",
    -4016: "Limit price can't be higher than the limit of PERCENT_PRICE.",
    -4024: "Limit price can't be lower than the limit of PERCENT_PRICE.",
    -4028: "Leverage is not valid.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4049: "Add margin only support for isolated position.",
    -4050: "Cross balance insufficient.",
    -4051: "Isolated balance insufficient.",
    -4054: "Cannot add position margin: position is 0.",
    -4055: "Amount must be positive.",
    -4059: "No need to change position side.",
    -4061: "Order's position side does not match user's setting.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4116: "ClientOrderId is duplicated.",
    -4137: "Quantity must be zero with closePosition equals true.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
    -5025: "Only limit order is supported.",
    -5027: "No need to modify the order.",
    -5040: "The goodTillDate is invalid.",
    -5047: "The original order is not reduce-only.",
}


class Rejected(Exception):
    """A command that changed nothing. `code` is the dialect's; `text` is what the client reads."""

    def __init__(self, code: int, text: str | None = None) -> None:
        self.code = code
        self.text = _TEXTS[code] if text is None else text
        super().__init__(f"{self.code}: {self.text}")
