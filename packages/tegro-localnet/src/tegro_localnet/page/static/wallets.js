// Wallets with their balances and allowances, and the faucet.
import { ask } from "/page/api.js";
import { allowance, grouped } from "/page/decimal.js";
import { Table, hex, make } from "/page/dom.js";
import { field, form } from "/page/forms.js";

function holdingCell(symbol) {
  return ({ holdings }) => {
    const holding = holdings.find((each) => each.symbol === symbol);
    if (holding === undefined) return "–";
    return make("div", { className: "holding" }, make("b", {}, grouped(holding.balance)),
      make("small", {}, `${grouped(holding.reserved)} reserved`),
      make("small", {}, `${allowance(holding.allowance)} allowed`));
  };
}

function faucet(info, onAct) {
  const wallet = make("input", { name: "wallet", placeholder: "0x…", spellcheck: false, autocomplete: "off",
    size: 44, required: true });
  const token = make("select", { name: "token" }, make("option", { value: "" }, "some of each"),
    ...info.tokens.map(({ symbol }) => make("option", { value: symbol }, symbol)));
  const amount = make("input", { name: "amount", inputMode: "decimal", size: 12, disabled: true });
  token.addEventListener("change", () => { amount.disabled = token.value === ""; });
  const act = async () => {
    const amounts = token.value ? { [token.value]: amount.value.trim() } : null;
    const given = await ask("/localnet/faucet", { method: "POST", body: { wallet: wallet.value.trim(), amounts } });
    onAct();
    const list = Object.entries(given.amounts).map(([symbol, each]) => `${grouped(each)} ${symbol}`);
    return `Gave ${list.join(", ")} and ${given.native} coins for gas.`;
  };
  return form({ id: "faucet", button: "Fund", act }, field("Wallet", wallet), field("Token", token),
    field("Amount", amount));
}

export function wallets(info, onAct) {
  const table = new Table({
    label: "Wallets",
    empty: "No wallet has been funded yet. Give one test tokens above.",
    key: ({ wallet }) => wallet,
    columns: [
      { title: "Wallet", cell: ({ wallet }) => hex(wallet) },
      { title: "Open orders", cell: ({ open_orders }) => open_orders, isNumber: true },
      ...info.tokens.map(({ symbol }) => ({ title: symbol, cell: holdingCell(symbol), isNumber: true })),
    ],
  });
  return {
    element: make("div", {}, faucet(info, onAct), table.element),
    update: (state) => table.update(state.wallets),
  };
}
