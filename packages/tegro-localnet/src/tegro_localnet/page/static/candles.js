// Candles and volume. The library draws with binary numbers; every number that is written comes from the answer's text.
import { grouped } from "/page/decimal.js";
import { make, panel } from "/page/dom.js";
import { CandlestickSeries, HistogramSeries, createChart } from "/page/vendor/lightweight-charts.js";

const NAMES = { 1: "1s", 60: "1m", 180: "3m", 300: "5m", 900: "15m", 1800: "30m", 3600: "1h", 7200: "2h", 14400: "4h",
  21600: "6h", 28800: "8h", 43200: "12h", 86400: "1d", 259200: "3d", 604800: "1w", 2592000: "1M" };
const FIRST_INTERVAL = "60";
const NEWEST_BARS = 3;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class CandleChart {
  /** `read(path)` resolves to the parsed answer, or to undefined where the error was shown. */
  constructor(read) {
    this.read = read;
    this.intervals = make("div", { className: "choices", role: "group", "aria-label": "Interval" });
    this.legend = make("output", { className: "legend", id: "candle" });
    this.box = make("div", { className: "chart", id: "candles" });
    this.element = panel("Candles", "candles", make("div", { className: "chart-frame" }, this.legend, this.box),
      this.intervals);
    this.bars = new Map();
    this.interval = FIRST_INTERVAL;
    this.draw();
    this.onTheme = () => this.paint();
    addEventListener("theme", this.onTheme);
  }

  draw() {
    this.chart = createChart(this.box, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11 },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4 },
      crosshair: { mode: 0 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {});
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", lastValueVisible: false,
      priceLineVisible: false, priceFormat: { type: "volume" } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.22 } });
    this.chart.subscribeCrosshairMove(({ time }) => this.showBar(time === undefined ? this.newest : String(time)));
    this.paint();
  }

  paint() {
    const [up, down, line, muted] = ["buy", "sell", "line", "muted"].map(colour);
    this.chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: muted },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down,
      borderVisible: false });
    this.volume.applyOptions({ color: `${muted}66` });
  }

  /** Give the library's memory back; nothing may be called after it. */
  close() {
    removeEventListener("theme", this.onTheme);
    this.isClosed = true;
    this.chart.remove();
  }

  /** Show another market. */
  show(market, path) {
    this.market = market;
    this.path = path;
    const precision = Number(market.quote_precision);
    this.candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    if (!market.intervals_secs.includes(this.interval)) [this.interval] = market.intervals_secs;
    this.intervals.replaceChildren(...market.intervals_secs.filter((interval) => interval in NAMES).map((interval) => {
      const button = make("button", { type: "button", "aria-pressed": String(interval === this.interval) },
        NAMES[interval]);
      button.addEventListener("click", () => {
        this.interval = interval;
        this.show(this.market, this.path);
        this.refresh();
      });
      return button;
    }));
    this.shown = undefined;
  }

  /** Read the newest bars, or all of them where the market or the interval is another than before. */
  async refresh() {
    const wanted = `${this.path}/candles?interval=${this.interval}`;
    const isNew = wanted !== this.shown;
    const bars = await this.read(isNew ? wanted : `${wanted}&limit=${NEWEST_BARS}`);
    if (this.isClosed || bars === undefined || wanted !== `${this.path}/candles?interval=${this.interval}`) return;
    if (isNew) this.replace(bars);
    else bars.forEach((bar) => this.add(bar));
    this.shown = wanted;
  }

  replace(bars) {
    this.bars = new Map(bars.map((bar) => [bar.time_secs, bar]));
    this.candles.setData(bars.map(drawnCandle));
    this.volume.setData(bars.map(drawnVolume));
    this.newest = bars.at(-1)?.time_secs;
    this.chart.timeScale().applyOptions({ barSpacing: 8 });
    this.chart.timeScale().scrollToRealTime();
    this.showBar(this.newest);
  }

  add(bar) {
    if (JSON.stringify(this.bars.get(bar.time_secs)) === JSON.stringify(bar)) return;
    const isOld = this.newest !== undefined && Number(bar.time_secs) < Number(this.newest);
    this.bars.set(bar.time_secs, bar);
    this.candles.update(drawnCandle(bar), isOld);
    this.volume.update(drawnVolume(bar), isOld);
    if (!isOld) {
      this.newest = bar.time_secs;
      this.showBar(this.newest);
    }
  }

  showBar(time) {
    const bar = this.bars.get(time);
    const places = Number(this.market?.quote_precision ?? 0);
    const texts = bar === undefined ? ["No trade yet"] :
      ["open", "high", "low", "close"].map((name) => `${name[0].toUpperCase()} ${grouped(bar[name], places)}`)
        .concat(`V ${grouped(bar.volume)}`);
    this.legend.replaceChildren(...texts.map((text) => make("span", {}, text)));
  }
}

function drawnCandle(bar) {
  return { time: Number(bar.time_secs), open: Number(bar.open), high: Number(bar.high), low: Number(bar.low),
    close: Number(bar.close) };
}

function drawnVolume(bar) {
  return { time: Number(bar.time_secs), value: Number(bar.volume) };
}
