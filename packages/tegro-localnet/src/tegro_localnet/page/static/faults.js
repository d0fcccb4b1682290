// Faults: the usual ones by one click, any other by a form, and what is set now.
import { ask } from "/page/api.js";
import { Table, make } from "/page/dom.js";
import { actionButton, field, form } from "/page/forms.js";

const PLACE = "*/orders/place";
const USUAL = [
  ["Lose the next order's answer", { kind: "drop_reply", path: PLACE }],
  ["Hold the next order 5 s", { kind: "hold", path: PLACE, hold_ms: 5000 }],
  ["Answer 503 once", { kind: "status" }],
  ["Answer 429 five times", { kind: "status", status: 429, retry_after_secs: 1, times: 5 }],
  ["Answer 2 s late once", { kind: "delay", delay_ms: 2000 }],
  ["Drop the next frame", { kind: "frame_drop" }],
  ["Double the next frame", { kind: "frame_duplicate" }],
  ["Hide new orders", { kind: "hide" }],
  ["Send one book with null sides", { kind: "null_sides" }],
  ["Refuse the next settlement", { kind: "settlement_fail" }],
  ["Hold the next settlement 10 s", { kind: "settlement_hold", hold_ms: 10000 }],
];

const add = (fault) => ask("/localnet/faults", { method: "POST", body: fault });

export class FaultPanel {
  constructor(onAct) {
    this.onAct = onAct;
    this.message = make("output", { className: "message" });
    this.table = new Table({
      label: "Faults",
      empty: "No fault is set: everything works.",
      key: ({ id }) => id,
      columns: [
        { title: "Id", cell: ({ id }) => id },
        { title: "Kind", cell: ({ fault }) => fault.kind },
        { title: "What and whom", cell: ({ fault }) => described(fault) },
        { title: "Happened", cell: ({ fired, fault }) => `${fired} of ${fault.times ?? "any"}` },
        { title: "Held now", cell: ({ held }) => held },
        { title: "", cell: (entry) => this.buttonsOf(entry) },
      ],
    });
  }

  part() {
    const usual = USUAL.map(([label, fault]) =>
      this.button(label, async () => `Fault ${(await add(fault)).id} is set.`));
    const others = [
      this.button("Cut all streams", async () =>
        `Cut ${(await ask("/localnet/streams/cut", { method: "POST" })).cut} streams.`),
      this.button("Clear all", async () =>
        `Cleared ${(await ask("/localnet/faults", { method: "DELETE" })).cleared} faults.`),
    ];
    const buttons = make("div", { className: "buttons", id: "usual" }, ...usual, ...others);
    const element = make("div", {}, buttons, this.message, this.form(), this.table.element);
    return { element, update: (_, faults) => this.table.update(faults) };
  }

  button(label, act) {
    return actionButton(label, this.message, async () => {
      const sentence = await act();
      this.onAct();
      return sentence;
    });
  }

  buttonsOf({ id, held }) {
    const path = `/localnet/faults/${id}`;
    const clear = this.button("Clear", async () => {
      await ask(path, { method: "DELETE" });
      return `Fault ${id} is cleared.`;
    });
    const release = this.button("Release", async () =>
      `Let ${(await ask(`${path}/release`, { method: "POST" })).released} requests go on.`);
    return make("span", { className: "buttons" }, ...(held === "0" ? [] : [release]), clear);
  }

  form() {
    const kind = make("select", { name: "kind" });
    ask("/openapi.json")
      .then(({ components }) => components.schemas.FaultKind.enum)
      .then((kinds) => kind.append(...kinds.map((each) => make("option", { value: each }, each))))
      .catch((error) => {
        this.message.textContent = error.message;
        this.message.classList.add("bad");
      });
    const wallet = make("input", { name: "wallet", placeholder: "anybody", spellcheck: false, size: 20 });
    const times = make("input", { name: "times", inputMode: "numeric", value: "1", size: 4 });
    const options = make("input", { name: "options", placeholder: '{"path": "*/orders/place", "delay_ms": 2000}',
      spellcheck: false, size: 38 });
    const act = async () => {
      const { id } = await add(spoken(kind.value, wallet.value.trim(), times.value.trim(), options.value.trim()));
      this.onAct();
      return `Fault ${id} is set.`;
    };
    return form({ id: "fault", button: "Set fault", act }, field("Kind", kind), field("Wallet", wallet),
      field("Times (0: until cleared)", times), field("Other options (JSON)", options));
  }
}

/** Return the fault that the form describes. */
function spoken(kind, wallet, times, options) {
  if (!/^\d{1,9}$/.test(times)) throw new Error("Times must be a whole number.");
  let others;
  try {
    others = JSON.parse(options || "{}");
  } catch {
    throw new Error('Other options must be JSON, such as {"delay_ms": 2000}.');
  }
  return { kind, ...(wallet && { wallet }), times: times === "0" ? null : Number(times), ...others };
}

function described({ kind, times, ...others }) {
  const usual = { probability: "1", status: kind === "status" ? "" : "503", after: false, delay_ms: "0" };
  return Object.entries(others)
    .filter(([name, value]) => value !== null && value !== usual[name])
    .map(([name, value]) => `${name} ${value}`)
    .join(", ") || "anybody";
}
