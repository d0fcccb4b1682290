// Elements, and tables whose rows stay the same elements while their content changes, so that focus is not lost.

/** Make an element: properties, then children (nodes or text; text is never read as HTML). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Make a titled panel; `tools` stand beside the title. */
export function panel(title, className, content, ...tools) {
  const heading = make("h2", {}, title);
  return make("section", { className: `panel ${className}`, "aria-label": title },
    make("div", { className: "panel-head" }, heading, ...tools), content);
}

/** A table of objects. A column: { title, cell(item), className?(item), isNumber? }; `cell` returns text or a node. */
export class Table {
  constructor({ columns, key, label, empty }) {
    this.columns = columns;
    this.key = key;
    this.rows = new Map();
    this.body = make("tbody");
    this.note = make("p", { className: "empty" }, empty);
    const head = make("tr", {}, ...columns.map(({ title, isNumber }) =>
      make("th", { scope: "col", className: isNumber ? "number" : "" }, title)));
    this.table = make("table", { "aria-label": label }, make("thead", {}, head), this.body);
    this.element = make("div", { className: "scroll", tabIndex: 0 }, this.table, this.note);
  }

  update(items) {
    const kept = new Map();
    for (const item of items) {
      const key = this.key(item);
      const text = JSON.stringify(item);
      const old = this.rows.get(key);
      kept.set(key, old?.text === text ? old : { text, row: this.fill(old?.row, item) });
    }
    for (const [key, { row }] of this.rows) if (!kept.has(key)) row.remove();
    let place = this.body.firstChild;
    for (const { row } of kept.values()) {
      if (row === place) place = place.nextSibling;
      else this.body.insertBefore(row, place);
    }
    this.rows = kept;
    this.note.hidden = kept.size > 0;
  }

  fill(row = make("tr"), item) {
    row.replaceChildren(...this.columns.map(({ cell, className, isNumber }) =>
      make("td", { className: `${isNumber ? "number " : ""}${className?.(item) ?? ""}` }, cell(item))));
    return row;
  }
}

/** A button that shows a long hex text shortened and copies all of it. */
export function hex(text) {
  if (!text) return "–";
  const button = make("button", { type: "button", className: "hex", title: `${text} (click to copy)` },
    `${text.slice(0, 6)}…${text.slice(-4)}`);
  button.dataset.full = text;
  button.addEventListener("click", () => navigator.clipboard?.writeText(text));
  return button;
}

/** Write a Unix time in milliseconds as the time of day. */
export function clock(milliseconds) {
  return new Date(Number(milliseconds)).toLocaleTimeString("en-GB");
}
