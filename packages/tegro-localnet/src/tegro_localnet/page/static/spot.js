// The spot view: one market, and below it everybody's wallets, orders, settlements.
import { activity } from "/page/activity.js";
import { ask } from "/page/api.js";
import { MarketBoard, dayFigures, figure } from "/page/board.js";
import { grouped } from "/page/decimal.js";
import { throttled } from "/page/feed.js";

const MARKET_MS = 250;
const ACTIVITY_MS = 1000;

function figures({ market }) {
  return [...dayFigures(market), figure(`Volume ${market.quote}`, grouped(market.quote_volume)),
    figure("Open orders", market.open_orders)];
}

class SpotView {
  constructor({ container, feed, info, attempt }, markets) {
    this.refreshMarket = throttled(() => attempt(() => this.board.read()), MARKET_MS);
    this.refreshActivity = throttled(() => attempt(() => this.readActivity()), ACTIVITY_MS);
    this.board = new MarketBoard({ root: "/localnet/markets", markets, attempt, figures,
      onChoose: ({ channel }) => {
        feed.follow([channel]);
        this.refreshMarket();
      } });
    this.activity = activity(info, () => this.refreshActivity());
    container.append(...this.board.elements, this.activity.element);
    this.board.choose();
  }

  refresh() {
    this.refreshMarket();
    this.refreshActivity();
  }

  async readActivity() {
    const [state, faults] = await Promise.all([ask("/localnet/state"), ask("/localnet/faults")]);
    this.activity.update(state, faults);
  }

  close() {
    this.board.close();
  }
}

export const spotView = {
  title: "Spot",
  async open(context) {
    return new SpotView(context, await ask("/localnet/markets"));
  },
};
