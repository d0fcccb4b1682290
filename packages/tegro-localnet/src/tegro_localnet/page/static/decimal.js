// Exact arithmetic and writing of decimal strings.

function split(text) {
  const [whole, fraction = ""] = text.split(".");
  return { whole, fraction };
}

/** Return the running totals of decimal strings, as decimal strings. */
export function runningTotals(texts) {
  const places = Math.max(0, ...texts.map((text) => split(text).fraction.length));
  let sum = 0n;
  return texts.map((text) => {
    const { whole, fraction } = split(text);
    sum += BigInt(whole + fraction.padEnd(places, "0"));
    return unscaled(sum, places);
  });
}

/** Return a minus b. */
export function difference(a, b) {
  const places = Math.max(split(a).fraction.length, split(b).fraction.length);
  const scaled = (text) => BigInt(split(text).whole + split(text).fraction.padEnd(places, "0"));
  return unscaled(scaled(a) - scaled(b), places);
}

function unscaled(value, places) {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, "0");
  const cut = digits.length - places;
  const text = places ? `${digits.slice(0, cut)}.${digits.slice(cut)}` : digits;
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return value < 0n ? `-${short}` : short;
}

/** Write a decimal string with groups of three digits, and with at least so many places. */
export function grouped(text, places = 0) {
  const { whole, fraction } = split(text);
  const tail = fraction.padEnd(places, "0");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (tail ? `.${tail}` : "");
}

/** Write an allowance: one beyond any supply is as good as unlimited. */
export function allowance(text) {
  return split(text).whole.length > 30 ? "unlimited" : grouped(text);
}
