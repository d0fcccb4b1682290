"""Databases as Hummingbot itself makes them: its own tables, filled through its own classes."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hummingbot import model
from hummingbot.model import HummingbotBase
from hummingbot.model.order import Order
from hummingbot.model.order_status import OrderStatus
from hummingbot.model.trade_fill import TradeFill
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

for module in pkgutil.iter_modules(model.__path__):
    # A table is known when its module was imported.
    importlib.import_module(f"{model.__name__}.{module.name}")

START_MS = 1_795_000_000_000


class HostDatabase:
    """A database of a bot, written as Hummingbot's recorder writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(f"sqlite:///{path}")
        HummingbotBase.metadata.create_all(self._engine)
        self._session = Session(self._engine)
        self._count = 0

    def order(self, side: str, price: str, amount: str, **changes) -> str:
        """Add an order; returns its id."""
        self._count += 1
        pair = changes.pop("pair", "WETH-USDC")
        base, quote = pair.split("-")
        order_id = changes.pop("id", f"order-{self._count}")
        created_at_ms = changes.pop("at_ms", START_MS)
        values = {
            "last_status": f"{side.capitalize()}OrderCreated",
            "order_type": "LIMIT",
            "market": "tegro_localnet",
        } | changes
        self._session.add(
            Order(
                id=order_id,
                config_file_path="conf.yml",
                strategy="test",
                symbol=pair,
                base_asset=base,
                quote_asset=quote,
                creation_timestamp=created_at_ms,
                amount=Decimal(amount),
                price=Decimal(price),
                last_update_timestamp=created_at_ms,
                position="NIL",
                **values,
            )
        )
        self._session.add(
            OrderStatus(order_id=order_id, timestamp=created_at_ms, status=f"{side.capitalize()}OrderCreated")
        )
        self._session.commit()
        return order_id

    def fill(self, order_id: str, side: str, price: str, amount: str, **changes) -> None:
        """Add a fill. Its fee is 7 basis points of what is received, unless `fees` says otherwise."""
        self._count += 1
        pair = changes.pop("pair", "WETH-USDC")
        base, quote = pair.split("-")
        token, received = (base, Decimal(amount)) if side == "buy" else (quote, Decimal(amount) * Decimal(price))
        fee = {
            "fee_type": "DeductedFromReturns",
            "percent": "0",
            "percent_token": None,
            "flat_fees": [{"token": token, "amount": str(received * 7 / 10_000)}],
        }
        values = {
            "order_type": "LIMIT",
            "market": "tegro_localnet",
            "timestamp": changes.pop("at_ms", START_MS),
            "trade_fee": changes.pop("fee", fee),
        } | changes
        self._session.add(
            TradeFill(
                config_file_path="conf.yml",
                strategy="test",
                symbol=pair,
                base_asset=base,
                quote_asset=quote,
                order_id=order_id,
                trade_type=side.upper(),
                price=Decimal(price),
                amount=Decimal(amount),
                leverage=1,
                trade_fee_in_quote=Decimal(0),
                exchange_trade_id=f"trade-{self._count}",
                position="NIL",
                **values | {"trade_fee": json.loads(json.dumps(values["trade_fee"]))},
            )
        )
        self._session.commit()

    def add(self, row: object) -> None:
        """Add a row of another of Hummingbot's classes."""
        self._session.add(row)
        self._session.commit()

    def close(self) -> None:
        """Close it."""
        self._session.close()
        self._engine.dispose()


@pytest.fixture
def make_database(tmp_path: Path) -> Iterator[Callable[..., HostDatabase]]:
    """Return what makes an empty database in a data folder."""
    made = []

    def make(name: str = "bot") -> HostDatabase:
        data = tmp_path / "home" / "data"
        data.mkdir(parents=True, exist_ok=True)
        made.append(HostDatabase(data / f"{name}.sqlite"))
        return made[-1]

    yield make
    for database in made:
        database.close()
