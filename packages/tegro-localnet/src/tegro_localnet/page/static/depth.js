// How much rests on each side up to a price, as two steps of area.
import { grouped, runningTotals } from "/page/decimal.js";
import { make, panel } from "/page/dom.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 1000;
const HEIGHT = 200;

function shape(tag, attributes) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export class DepthChart {
  constructor() {
    this.drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
      "aria-label": "Depth of the book" });
    this.scale = make("div", { className: "depth-scale" });
    this.element = panel("Depth", "depth", make("div", { className: "depth-frame" }, this.drawing, this.scale));
  }

  update({ market, bids, asks }) {
    const sides = [["buy", bids], ["sell", asks]].map(([side, levels]) => {
      const totals = runningTotals(levels.map(({ quantity }) => quantity));
      return { side, levels, totals, points: levels.map(({ price }, i) => [Number(price), Number(totals[i])]) };
    });
    const text = JSON.stringify(sides);
    if (text === this.text) return;
    this.text = text;
    const points = sides.flatMap((side) => side.points);
    this.drawing.replaceChildren();
    this.scale.replaceChildren();
    if (points.length === 0) return;
    const prices = points.map(([price]) => price);
    const frame = { least: Math.min(...prices), most: Math.max(...prices),
      top: Math.max(...points.map(([, total]) => total)) };
    for (const { side, points: own } of sides) if (own.length) this.drawing.append(area(side, own, frame));
    this.writeScale(sides, Number(market.quote_precision), market.base);
  }

  writeScale([bids, asks], places, base) {
    const summary = ({ side, levels, totals }, name) => make("span", { className: side },
      levels.length ? `${name} ${grouped(totals.at(-1))} ${base}` : `no ${name}`);
    const at = (level) => make("span", {}, level ? grouped(level.price, places) : "");
    this.scale.append(at(bids.levels.at(-1)), summary(bids, "bids"), summary(asks, "asks"), at(asks.levels.at(-1)));
  }
}

function area(side, points, { least, most, top }) {
  const x = (price) => (most === least ? WIDTH / 2 : ((price - least) / (most - least)) * WIDTH);
  const y = (total) => HEIGHT - (total / top) * (HEIGHT - 12);
  let path = `M ${x(points[0][0])} ${HEIGHT}`;
  for (const [price, total] of points) path += ` H ${x(price)} V ${y(total)}`;
  path += ` H ${side === "buy" ? 0 : WIDTH} V ${HEIGHT} Z`;
  return shape("path", { d: path, class: side, "vector-effect": "non-scaling-stroke" });
}
