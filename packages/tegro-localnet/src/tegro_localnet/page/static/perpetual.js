// The perpetual view: one contract with mark price and funding, and below it every position, and the levers.
import { ask } from "/page/api.js";
import { MarketBoard, dayFigures, figure } from "/page/board.js";
import { grouped } from "/page/decimal.js";
import { Table, clock, make } from "/page/dom.js";
import { throttled } from "/page/feed.js";
import { field, form } from "/page/forms.js";
import { Tabs } from "/page/tabs.js";

const ROOT = "/localnet/perpetual";
const MARKET_MS = 500;
const ACTIVITY_MS = 1000;

function figures({ market, mark_price, index_price, funding_rate, next_funding_ms }) {
  const places = Number(market.quote_precision);
  return [...dayFigures(market), figure("Mark", grouped(mark_price, places)),
    figure("Index", grouped(index_price, places)), figure("Funding rate", funding_rate),
    figure("Next funding", clock(next_funding_ms))];
}

function positions() {
  const table = new Table({
    label: "Positions",
    empty: "Nobody has a position.",
    key: ({ accountId, symbol, positionSide }) => `${accountId} ${symbol} ${positionSide}`,
    columns: [
      { title: "Account", cell: ({ accountId }) => accountId, isNumber: true },
      { title: "Contract", cell: ({ symbol }) => symbol },
      { title: "Side", cell: ({ positionSide }) => positionSide },
      { title: "Quantity", cell: ({ positionAmt }) => grouped(positionAmt), isNumber: true,
        className: ({ positionAmt }) => (positionAmt.startsWith("-") ? "sell" : "buy") },
      { title: "Entry", cell: ({ entryPrice }) => grouped(entryPrice), isNumber: true },
      { title: "Mark", cell: ({ markPrice }) => grouped(markPrice), isNumber: true },
      { title: "Liquidation", cell: ({ liquidationPrice }) => grouped(liquidationPrice), isNumber: true },
      { title: "Margin", cell: ({ marginType, leverage }) => `${marginType} ${leverage}×` },
      { title: "Unrealised", cell: ({ unRealizedProfit }) => grouped(unRealizedProfit), isNumber: true,
        className: ({ unRealizedProfit }) => (unRealizedProfit.startsWith("-") ? "sell" : "buy") },
    ],
  });
  const house = make("p", { className: "empty" });
  const update = ({ positions: held, insuranceFund, fees }) => {
    table.update(held);
    house.textContent = `Insurance fund ${grouped(insuranceFund)} USDT, fees ${grouped(fees)} USDT.`;
  };
  return { title: "Positions", id: "positions", count: (state) => state.positions.length, update,
    element: make("div", {}, table.element, house) };
}

function keyForm(onAct) {
  const deposit = make("input", { name: "deposit", value: "100000", inputMode: "decimal", size: 12 });
  const act = async () => {
    const made = await ask(`${ROOT}/api-keys`, { method: "POST", body: { deposit: deposit.value.trim() } });
    onAct();
    return `Account ${made.accountId} with ${grouped(made.deposit)} USDT. Key ${made.apiKey} Secret ${made.apiSecret}`;
  };
  return form({ id: "api-key", button: "New API key", act }, field("Deposit in USDT", deposit));
}

function indexForm(symbols, onAct) {
  const symbol = make("select", { name: "symbol" }, ...symbols.map((each) => make("option", { value: each }, each)));
  const price = make("input", { name: "price", inputMode: "decimal", size: 12 });
  const act = async () => {
    const body = { symbol: symbol.value, price: price.value.trim() };
    const set = await ask(`${ROOT}/index`, { method: "POST", body });
    onAct();
    return `The index of ${set.symbol} is ${grouped(set.indexPrice)}, its mark price ${grouped(set.markPrice)}.`;
  };
  return form({ id: "index", button: "Set index price", act }, field("Contract", symbol), field("Price", price));
}

function fundingForm(symbols, onAct) {
  const symbol = make("select", { name: "symbol" }, ...symbols.map((each) => make("option", { value: each }, each)));
  const interval = make("input", { name: "interval", inputMode: "numeric", value: "28800", size: 8 });
  const rate = make("input", { name: "rate", inputMode: "decimal", placeholder: "from the premium", size: 14 });
  const act = async () => {
    if (!/^\d{1,9}$/.test(interval.value)) throw new Error("The interval must be a whole number of seconds.");
    const body = { symbol: symbol.value, interval_secs: Number(interval.value), rate: rate.value.trim() || null };
    const set = await ask(`${ROOT}/funding`, { method: "POST", body });
    onAct();
    return `The next funding of ${set.symbol} is at ${clock(set.nextFundingTime)}.`;
  };
  return form({ id: "funding", button: "Set funding", act }, field("Contract", symbol),
    field("Interval in seconds", interval), field("Rate", rate));
}

class PerpetualView {
  constructor({ container, feed, attempt }, markets) {
    this.refreshMarket = throttled(() => attempt(() => this.board.read()), MARKET_MS);
    this.refreshActivity = throttled(() => attempt(() => this.readActivity()), ACTIVITY_MS);
    this.board = new MarketBoard({ root: `${ROOT}/markets`, markets, attempt, figures,
      onChoose: () => this.refreshMarket() });
    // This venue's streams are another exchange's; the page reads it as often as it polls.
    feed.follow([]);
    const symbols = markets.map(({ symbol }) => symbol);
    const onAct = () => this.refresh();
    const levers = make("div", {}, keyForm(onAct), indexForm(symbols, onAct), fundingForm(symbols, onAct));
    this.tabs = new Tabs("Perpetual activity", [
      positions(),
      { title: "Keys, index and funding", id: "levers", count: () => 0, update: () => {}, element: levers },
    ]);
    container.append(...this.board.elements, this.tabs.element);
    this.board.choose();
  }

  refresh() {
    this.refreshMarket();
    this.refreshActivity();
  }

  async readActivity() {
    this.tabs.update(await ask(ROOT));
  }

  close() {
    this.board.close();
  }
}

export const perpetualView = {
  title: "Perpetual",
  async open(context) {
    return new PerpetualView(context, await ask(`${ROOT}/markets`));
  },
};
