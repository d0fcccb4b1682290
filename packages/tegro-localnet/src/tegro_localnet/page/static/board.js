// One market at a time: its figures, chart, depth, ladder and tape.
import { ask } from "/page/api.js";
import { CandleChart } from "/page/candles.js";
import { grouped } from "/page/decimal.js";
import { DepthChart } from "/page/depth.js";
import { make } from "/page/dom.js";
import { Ladder } from "/page/ladder.js";
import { Tape } from "/page/tape.js";

/** A name above a value, for the bar of a market. */
export function figure(name, text, className = "") {
  return make("span", { className: "figure" }, make("small", {}, name), make("b", { className }, text));
}

/** The figures of the last 24 hours, as every kind of market has them. */
export function dayFigures(market) {
  const places = Number(market.quote_precision);
  const falls = market.change_percent.startsWith("-");
  return [
    figure("Last", grouped(market.last_price, places), "last"),
    figure("24 h", `${falls ? "" : "+"}${market.change_percent} %`, falls ? "sell" : "buy"),
    figure("High", grouped(market.high, places)),
    figure("Low", grouped(market.low, places)),
    figure(`Volume ${market.base}`, grouped(market.base_volume)),
  ];
}

export class MarketBoard {
  /**
   * `root` is the path under which the markets are, `figures(state)` returns what stands beside the market's name,
   * `onChoose(market)` is called with the market that is shown.
   */
  constructor({ root, markets, attempt, figures, onChoose }) {
    this.root = root;
    this.markets = markets;
    this.figuresOf = figures;
    this.onChoose = onChoose;
    this.select = make("select", { id: "market", "aria-label": "Market" },
      ...markets.map(({ symbol, base, quote }) => make("option", { value: symbol }, `${base} / ${quote}`)));
    this.select.addEventListener("change", () => this.choose());
    this.figures = make("div", { className: "figures", id: "figures" });
    this.candles = new CandleChart((path) => attempt(() => ask(path)));
    this.depth = new DepthChart();
    this.ladder = new Ladder();
    this.tape = new Tape();
    this.elements = [
      make("div", { className: "market-bar" }, this.select, this.figures),
      make("div", { className: "trading" },
        make("div", { className: "charts" }, this.candles.element, this.depth.element),
        this.ladder.element, this.tape.element),
    ];
  }

  choose() {
    const market = this.markets.find(({ symbol }) => symbol === this.select.value);
    this.path = `${this.root}/${market.symbol}`;
    this.candles.show(market, this.path);
    this.onChoose(market);
  }

  async read() {
    const path = this.path;
    const state = await ask(path);
    if (path !== this.path) return;
    this.figures.replaceChildren(...this.figuresOf(state));
    document.title = `${state.market.last_price} ${state.market.base}/${state.market.quote} · Tegro localnet`;
    for (const part of [this.ladder, this.depth, this.tape]) part.update(state);
    await this.candles.refresh();
  }

  close() {
    this.candles.close();
  }
}
