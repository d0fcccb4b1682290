// Asks the localnet. Numbers stay the text that was sent, so that none is rounded before it is shown.

const NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parse JSON with every number as a string. */
export function parseExactly(text) {
  return JSON.parse(text.replace(NUMBER_OR_STRING, (found) => (found[0] === '"' ? found : `"${found}"`)));
}

// With several chains, `/?chain_id=84532` shows the second one: every question then names it.
const CHAIN = new URLSearchParams(location.search).get("chain_id");

function onChain(path) {
  if (CHAIN === null) return path;
  return `${path}${path.includes("?") ? "&" : "?"}chain_id=${encodeURIComponent(CHAIN)}`;
}

/** Send one request; throws an Error whose message is one sentence. */
export async function ask(path, { method = "GET", body } = {}) {
  let reply;
  let text;
  try {
    reply = await fetch(onChain(path), { method, body: body === undefined ? undefined : JSON.stringify(body) });
    text = await reply.text();
  } catch {
    throw new Error("The localnet does not answer: is it still running?");
  }
  let parsed;
  try {
    parsed = parseExactly(text);
  } catch {
    throw new Error(`The localnet answered ${reply.status} with something that is no JSON.`);
  }
  if (!reply.ok) throw new Error(parsed.error ?? parsed.message ?? `The localnet answered ${reply.status}.`);
  return parsed;
}
