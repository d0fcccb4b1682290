// The newest trades of the market.
import { grouped } from "/page/decimal.js";
import { Table, clock, panel } from "/page/dom.js";

export class Tape {
  constructor() {
    this.places = { price: 0, quantity: 0 };
    this.table = new Table({
      label: "Trades",
      empty: "Nothing has traded yet.",
      key: ({ trade_id }) => trade_id,
      columns: [
        { title: "Price", cell: ({ price }) => grouped(price, this.places.price),
          className: ({ taker_side }) => `price ${taker_side}` },
        { title: "Quantity", cell: ({ quantity }) => grouped(quantity, this.places.quantity), isNumber: true },
        { title: "Time", cell: ({ created_ms }) => clock(created_ms), isNumber: true },
      ],
    });
    this.table.body.id = "tape";
    this.element = panel("Trades", "tape", this.table.element);
  }

  update({ market, trades }) {
    this.places = { price: Number(market.quote_precision), quantity: Number(market.base_precision) };
    this.table.update(trades);
  }
}
