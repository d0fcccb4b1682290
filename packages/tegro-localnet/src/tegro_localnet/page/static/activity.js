// Everybody's wallets, orders and settlements, and the levers: faucet and faults.
import { FaultPanel } from "/page/faults.js";
import { allOrders, settlements } from "/page/records.js";
import { Tabs } from "/page/tabs.js";
import { wallets } from "/page/wallets.js";

/** Make the tabs; `onAct()` is called when a button has changed something. */
export function activity(info, onAct) {
  return new Tabs("Activity", [
    { title: "Wallets", id: "wallets", count: (state) => state.wallets.length, ...wallets(info, onAct) },
    { title: "Orders", id: "orders", count: (state) => state.orders.filter(({ status }) => status === "open").length,
      ...allOrders() },
    { title: "Settlements", id: "settlements", count: ({ unsettled }) => Number(unsettled), ...settlements() },
    { title: "Faults", id: "faults", count: (_, faults) => faults.length, ...new FaultPanel(onAct).part() },
  ]);
}
