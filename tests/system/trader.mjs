// A trader that shares no code with this project: ethers for the wallet and the chain, fetch for the venue.
// Reads one JSON request from standard input and writes one JSON answer to standard output.
import { readFileSync } from "node:fs";
import { Contract, JsonRpcProvider, TypedDataEncoder, Wallet, parseUnits } from "ethers";

const ORDER = {
  Order: [
    { name: "baseToken", type: "address" },
    { name: "quoteToken", type: "address" },
    { name: "price", type: "uint256" },
    { name: "totalQuantity", type: "uint256" },
    { name: "isBuy", type: "bool" },
    { name: "salt", type: "uint256" },
    { name: "maker", type: "address" },
    { name: "expiryTime", type: "uint256" },
  ],
};
const CANCEL = {
  CancelOrder: [
    { name: "orderIds", type: "string[]" },
    { name: "user", type: "address" },
  ],
};
const TOKEN = [
  "function approve(address spender, uint256 value) returns (bool)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function balanceOf(address owner) view returns (uint256)",
  "event Approval(address indexed owner, address indexed spender, uint256 value)",
];

const request = JSON.parse(readFileSync(0, "utf8"));
const api = `${request.restUrl}/api`;
const wallet = new Wallet(request.key, new JsonRpcProvider(request.rpcUrl));

async function get(path) {
  const reply = await fetch(`${api}/${path}`);
  if (!reply.ok) throw new Error(`GET ${path}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

async function market() {
  const [chain] = await get("v1/exchange/chain/list");
  const [found] = await get(`v1/exchange/${chain.id}/market/list?market_symbol=${request.symbol}`);
  const domain = { name: "TegroDEX", version: "1", chainId: chain.id, verifyingContract: chain.exchange_contract };
  return { chain, found, domain };
}

const actions = {
  // Approve on chain, wait for the block, read the allowance and the event back.
  async approve() {
    const { chain, found } = await market();
    const address = request.side === "buy" ? found.quote_contract_address : found.base_contract_address;
    const token = new Contract(address, TOKEN, wallet);
    const receipt = await (await token.approve(chain.exchange_contract, BigInt(request.amountWei))).wait();
    const [event] = await token.queryFilter("Approval", receipt.blockNumber, receipt.blockNumber);
    return {
      allowance: String(await token.allowance(wallet.address, chain.exchange_contract)),
      balance: String(await token.balanceOf(wallet.address)),
      eventValue: String(event.args.value),
      status: receipt.status,
    };
  },
  // Build and sign an order; the body is returned, not sent, so that the test can spoil it.
  async sign() {
    const { chain, found, domain } = await market();
    const isBuy = request.side === "buy";
    const message = {
      baseToken: found.base_contract_address,
      quoteToken: found.quote_contract_address,
      price: String(parseUnits(request.price, 18)),
      totalQuantity: String(parseUnits(request.quantity, found.base_decimal)),
      isBuy,
      salt: request.salt,
      maker: wallet.address,
      expiryTime: "0",
    };
    return {
      chain_id: chain.id,
      base_asset: isBuy ? message.quoteToken : message.baseToken,
      quote_asset: isBuy ? message.baseToken : message.quoteToken,
      side: isBuy ? 1 : 0,
      volume_precision: message.totalQuantity,
      price_precision: message.price,
      order_hash: TypedDataEncoder.hash(domain, ORDER, message),
      raw_order_data: JSON.stringify(message),
      signature: await wallet.signTypedData(domain, ORDER, message),
      signed_order_type: "tegro",
      market_id: found.id,
      market_symbol: found.symbol,
    };
  },
  async cancel() {
    const { domain } = await market();
    const user = wallet.address.toLowerCase();
    const signature = await wallet.signTypedData(domain, CANCEL, { orderIds: request.orderIds, user });
    return { user_address: user, order_ids: request.orderIds, signature };
  },
};

const answer = await actions[request.action]();
process.stdout.write(JSON.stringify(answer));
process.exit(0);
