// The best levels of both sides, asks above bids, with a bar for how much rests up to each.
import { difference, grouped, runningTotals } from "/page/decimal.js";
import { make, panel } from "/page/dom.js";

const ROWS = 12;

export class Ladder {
  constructor() {
    this.asks = make("tbody", { className: "sell", id: "asks" });
    this.spread = make("tbody", { className: "spread", id: "spread" });
    this.bids = make("tbody", { className: "buy", id: "bids" });
    const head = make("tr", {}, ...["Price", "Quantity", "Total"].map((title) => make("th", { scope: "col" }, title)));
    this.element = panel("Order book", "ladder", make("div", { className: "scroll" },
      make("table", { "aria-label": "Order book" }, make("thead", {}, head), this.asks, this.spread, this.bids)));
  }

  update({ market, bids, asks }) {
    const text = JSON.stringify([market.symbol, bids.slice(0, ROWS), asks.slice(0, ROWS)]);
    if (text === this.text) return;
    this.text = text;
    const places = { price: Number(market.quote_precision), quantity: Number(market.base_precision) };
    this.asks.replaceChildren(...rows(asks, places).reverse());
    this.bids.replaceChildren(...rows(bids, places));
    const spread = bids.length && asks.length
      ? `spread ${grouped(difference(asks[0].price, bids[0].price), places.price)}`
      : "the book is not two-sided";
    this.spread.replaceChildren(make("tr", {}, make("td", { colSpan: 3 }, spread)));
  }
}

function rows(levels, places) {
  const shown = levels.slice(0, ROWS);
  const totals = runningTotals(shown.map(({ quantity }) => quantity));
  const most = Number(totals.at(-1) ?? 1);
  return shown.map(({ price, quantity }, i) => {
    const row = make("tr", {}, make("td", { className: "price" }, grouped(price, places.price)),
      make("td", {}, grouped(quantity, places.quantity)), make("td", {}, grouped(totals[i], places.quantity)));
    row.style.setProperty("--share", `${(Number(totals[i]) / most) * 100}%`);
    return row;
  });
}
