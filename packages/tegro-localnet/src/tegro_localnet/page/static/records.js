// Tables of the newest orders and settlements of everybody.
import { grouped } from "/page/decimal.js";
import { Table, clock, hex } from "/page/dom.js";

const side = ({ side: name, taker_side }) => name ?? taker_side;

export function allOrders() {
  const table = new Table({
    label: "Orders",
    empty: "Nobody has placed an order yet.",
    key: ({ order_id }) => order_id,
    columns: [
      { title: "Time", cell: ({ created_ms }) => clock(created_ms) },
      { title: "Market", cell: ({ symbol }) => symbol },
      { title: "Side", cell: side, className: side },
      { title: "Price", cell: ({ price }) => grouped(price), isNumber: true },
      { title: "Quantity", cell: ({ quantity }) => grouped(quantity), isNumber: true },
      { title: "Filled", cell: ({ filled }) => grouped(filled), isNumber: true },
      { title: "Pending", cell: ({ pending }) => grouped(pending), isNumber: true },
      { title: "Status", cell: ({ status, cancel_code, cancel_reason }) =>
        (cancel_code === "0" ? status : `${status} (${cancel_code} ${cancel_reason})`) },
      { title: "Wallet", cell: ({ wallet }) => hex(wallet) },
      { title: "Order", cell: ({ order_id }) => hex(order_id) },
    ],
  });
  return { element: table.element, update: ({ orders }) => table.update(orders) };
}

export function settlements() {
  const table = new Table({
    label: "Settlements",
    empty: "Nothing has been settled yet.",
    key: ({ trade_id }) => trade_id,
    columns: [
      { title: "Time", cell: ({ created_ms }) => clock(created_ms) },
      { title: "Market", cell: ({ symbol }) => symbol },
      { title: "Taker", cell: side, className: side },
      { title: "Price", cell: ({ price }) => grouped(price), isNumber: true },
      { title: "Quantity", cell: ({ quantity }) => grouped(quantity), isNumber: true },
      { title: "State", cell: ({ state }) => state, className: ({ state }) => `state ${state}` },
      { title: "Transaction", cell: ({ tx_hash }) => hex(tx_hash) },
      { title: "Maker", cell: ({ maker }) => hex(maker) },
      { title: "Taker", cell: ({ taker }) => hex(taker) },
    ],
  });
  return { element: table.element, update: (state) => table.update(state.settlements) };
}
