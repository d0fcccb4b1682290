// A Tegro client in JavaScript: ethers for the wallet, fetch and ws for the venue. It shares no code with this project.
//
// As a program it reads one JSON request from standard input ({ restUrl, rpcUrl, maker, taker }, the last two being
// keys), trades, and writes one JSON report to standard output.
import { readFileSync } from "node:fs";
import { Contract, JsonRpcProvider, TypedDataEncoder, Wallet, parseUnits, randomBytes, toBigInt } from "ethers";
import WebSocket from "ws";

const ORDER = { Order: [
  { name: "baseToken", type: "address" }, { name: "quoteToken", type: "address" }, { name: "price", type: "uint256" },
  { name: "totalQuantity", type: "uint256" }, { name: "isBuy", type: "bool" }, { name: "salt", type: "uint256" },
  { name: "maker", type: "address" }, { name: "expiryTime", type: "uint256" },
] };
const CANCEL = { CancelOrder: [{ name: "orderIds", type: "string[]" }, { name: "user", type: "address" }] };
const TOKEN = ["function approve(address spender, uint256 value) returns (bool)",
  "function balanceOf(address owner) view returns (uint256)"];
const ORDERS = "v1/trading/market/orders";
const DEADLINE_MS = 60_000;

class TegroClient {
  constructor(restUrl, key, provider) {
    this.api = `${restUrl}/api`;
    this.wallet = new Wallet(key, provider);
    this.address = this.wallet.address.toLowerCase();
    this.events = [];
    this.waiting = new Set();
  }

  /** Read the chain and its markets, and follow the wallet's own channel. */
  async open() {
    [this.chain] = await this.get("v1/exchange/chain/list");
    this.markets = await this.get(`v1/exchange/${this.chain.id}/market/list`);
    this.domain = { name: "TegroDEX", version: "1", chainId: this.chain.id,
      verifyingContract: this.chain.exchange_contract };
    this.socket = new WebSocket(`${this.api.replace("http", "ws")}/v1/events/ws`);
    await new Promise((resolve, reject) => this.socket.once("open", resolve).once("error", reject));
    this.socket.on("message", (frame) => this.take(JSON.parse(frame)));
    this.socket.send(JSON.stringify({ action: "subscribe", channelId: this.address }));
  }

  close() {
    this.socket.close();
  }

  take(event) {
    this.events.push(event);
    for (const look of [...this.waiting]) look(event);
  }

  /** Wait for an event that fits, of those that have come or will. */
  until(fits) {
    const found = this.events.find(fits);
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const look = (event) => {
        if (!fits(event)) return;
        this.waiting.delete(look);
        clearTimeout(timer);
        resolve(event);
      };
      const timer = setTimeout(() => reject(new Error("the wallet channel has not shown it in time")), DEADLINE_MS);
      this.waiting.add(look);
    });
  }

  market(symbol) {
    return this.markets.find((market) => market.symbol === symbol);
  }

  async approve(token, amountWei) {
    const contract = new Contract(token, TOKEN, this.wallet);
    return (await contract.approve(this.chain.exchange_contract, amountWei)).wait();
  }

  async place(symbol, side, price, quantity) {
    const market = this.market(symbol);
    const isBuy = side === "buy";
    const message = {
      baseToken: market.base_contract_address,
      quoteToken: market.quote_contract_address,
      price: String(parseUnits(price, 18)),
      totalQuantity: String(parseUnits(quantity, market.base_decimal)),
      isBuy,
      salt: String(toBigInt(randomBytes(8))),
      maker: this.wallet.address,
      expiryTime: "0",
    };
    return this.post(`${ORDERS}/place`, {
      chain_id: this.chain.id,
      base_asset: isBuy ? message.quoteToken : message.baseToken,
      quote_asset: isBuy ? message.baseToken : message.quoteToken,
      side: isBuy ? 1 : 0,
      volume_precision: message.totalQuantity,
      price_precision: message.price,
      order_hash: TypedDataEncoder.hash(this.domain, ORDER, message),
      raw_order_data: JSON.stringify(message),
      signature: await this.wallet.signTypedData(this.domain, ORDER, message),
      signed_order_type: "tegro",
      market_id: market.id,
      market_symbol: symbol,
    });
  }

  async cancel(orderIds) {
    const signature = await this.wallet.signTypedData(this.domain, CANCEL, { orderIds, user: this.address });
    const body = { user_address: this.address, order_ids: orderIds, signature };
    return (await this.post(`${ORDERS}/cancel`, body)).cancelled_order_ids;
  }

  async cancelAll() {
    const signature = await this.wallet.signMessage(this.address);
    const body = { chain_id: this.chain.id, wallet_address: this.address, signature };
    return (await this.post(`${ORDERS}/cancel-all`, body)).cancelled_order_ids;
  }

  openOrders() {
    return this.get(`${ORDERS}/user/${this.address}?chain_id=${this.chain.id}&statuses=active`);
  }

  get(path) {
    return this.ask(path, {});
  }

  post(path, body) {
    return this.ask(path, { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body) });
  }

  async ask(path, options) {
    const reply = await fetch(`${this.api}/${path}`, options);
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
    return reply.json();
  }
}

const ofOrder = (action, id) => ({ action: seen, data }) => seen === action && data.order_id === id;
const settled = ({ action, data }) => action === "user_trade_updated" && data.state === "success";

async function trade({ restUrl, rpcUrl, maker: makerKey, taker: takerKey, symbol }) {
  const provider = new JsonRpcProvider(rpcUrl);
  const [maker, taker] = [makerKey, takerKey].map((key) => new TegroClient(restUrl, key, provider));
  await Promise.all([maker.open(), taker.open()]);
  const market = maker.market(symbol);
  await maker.approve(market.base_contract_address, parseUnits("5", market.base_decimal));
  await taker.approve(market.quote_contract_address, parseUnits("50000", market.quote_decimal));

  const resting = await maker.place(symbol, "sell", "3100.5", "0.75");
  await maker.until(ofOrder("order_submitted", resting.order_id));
  const taking = await taker.place(symbol, "buy", "3100.5", "0.25");
  const [sold, bought] = await Promise.all([maker.until(settled), taker.until(settled)]);
  const receipt = await provider.getTransactionReceipt(sold.data.txHash);
  const partly = await maker.until(({ action, data }) =>
    action === "order_trade_processed" && data.order_id === resting.order_id);
  const cancelledOne = await maker.cancel([resting.order_id]);
  const ended = await maker.until(({ data }) => data.order_id === resting.order_id && data.status === "cancelled");

  const others = [];
  for (const price of ["3200.1", "3300.1"]) others.push(await maker.place(symbol, "sell", price, "0.5"));
  const cancelledAll = await maker.cancelAll();
  const left = await maker.openOrders();
  const base = new Contract(market.base_contract_address, TOKEN, provider);
  const report = {
    markets: maker.markets.map((each) => each.symbol),
    maker: maker.address,
    taker: taker.address,
    resting,
    taking,
    sold: sold.data,
    bought: bought.data,
    receiptStatus: receipt.status,
    filledAfterTrade: partly.data.quantity_filled,
    cancelledOne,
    endCode: ended.data.cancel.code,
    others: others.map((order) => order.order_id),
    cancelledAll,
    left,
    takerBaseWei: String(await base.balanceOf(taker.address)),
  };
  maker.close();
  taker.close();
  return report;
}

process.stdout.write(JSON.stringify(await trade(JSON.parse(readFileSync(0, "utf8")))));
process.exit(0);
