"""A shop with products, customers and orders, ids of its own, and rules of its own, behind a scripted server."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from record_store import RecordStore
from scripted_server import Reply, Seen


class ShopStore:
    """Three record stores. An order must name a customer and products that the shop has, by the shop's ids.

    The ids of the three overlap on purpose: an id of one object that is used for another is a wrong record, not an
    error. `writes` counts what changed something.
    """

    def __init__(self) -> None:
        self.products = RecordStore("sku", "products", gives_ids=True)
        self.customers = RecordStore("code", "customers", gives_ids=True)
        self.orders = RecordStore("number", "orders", gives_ids=True)
        self._stores = {store.root: store for store in (self.products, self.customers, self.orders)}

    @property
    def writes(self) -> int:
        return sum(len(store.effects) for store in self._stores.values())

    def answer(self, seen: Seen) -> Reply:
        root = re.match("/[a-z]+", seen.path)
        store = self._stores.get(root[0]) if root else None
        if store is None:
            return Reply(404, {"error": "no such path"})
        if store is self.orders and seen.method in {"POST", "PATCH"} and (fault := self._fault(seen.json)):
            return Reply(422, {"error": fault})
        return store.answer(seen)

    def _fault(self, order: dict[str, Any]) -> str | None:
        if str(order.get("customerId")) not in self.customers.records:
            return f"there is no customer {order.get('customerId')}"
        unknown = [line["productId"] for line in order["lines"] if str(line["productId"]) not in self.products.records]
        return f"there is no product {unknown[0]}" if unknown else None

    def product_rows(self) -> list[tuple[Any, ...]]:
        """Number, name, price, stock, whether it is discontinued."""
        return sorted(
            (int(one["sku"]), one["name"], _exact(one["price"]), one["stock"], one["isDiscontinued"])
            for one in self.products.records.values()
        )

    def customer_rows(self) -> list[tuple[Any, ...]]:
        """Code, company, contact, city, country, phone."""
        return sorted(
            (
                one["code"],
                one["company"],
                one["contact"],
                one["address"]["city"],
                one["address"]["country"],
                one["phone"],
            )
            for one in self.customers.records.values()
        )

    def order_rows(self) -> list[tuple[Any, ...]]:
        """Number, customer's code, time, freight, ship name."""
        return sorted(
            (
                int(one["number"]),
                self.customers.records[str(one["customerId"])]["code"],
                one["orderedOn"] and datetime.fromisoformat(one["orderedOn"]),
                _exact(one["freight"]),
                one["shipName"],
            )
            for one in self.orders.records.values()
        )

    def line_rows(self) -> list[tuple[Any, ...]]:
        """Order number, product's number, price, quantity, discount: the shop's ids followed to where they lead."""
        return sorted(
            (
                int(order["number"]),
                int(self.products.records[str(line["productId"])]["sku"]),
                _exact(line["price"]),
                line["quantity"],
                _exact(line["discount"]),
            )
            for order in self.orders.records.values()
            for line in order["lines"]
        )


def _exact(number: object) -> Decimal:
    return Decimal(str(number))
