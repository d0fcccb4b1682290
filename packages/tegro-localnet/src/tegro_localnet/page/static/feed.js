// The venue's own stream. Its frames say that something has changed; what is shown is then read again. So a frame that
// a fault drops, doubles or delays cannot make this page wrong: it is also read again every second.

const POLL_MS = 1000;
const RETRY_MS = 1000;

export class Feed {
  /** `onChange()` is called on each frame and each poll, `onStatus(text, isLive)` when the connection changes. */
  constructor({ onChange, onStatus }) {
    this.onChange = onChange;
    this.onStatus = onStatus;
    this.channels = new Set();
    this.open();
    setInterval(onChange, POLL_MS);
  }

  /** Follow exactly these channels. */
  follow(channels) {
    const wanted = new Set(channels);
    for (const channel of this.channels) if (!wanted.has(channel)) this.send("unsubscribe", channel);
    for (const channel of wanted) if (!this.channels.has(channel)) this.send("subscribe", channel);
    this.channels = wanted;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/events/ws`);
    this.socket.addEventListener("open", () => {
      for (const channel of this.channels) this.send("subscribe", channel);
      this.onStatus("live", true);
    });
    this.socket.addEventListener("message", () => this.onChange());
    this.socket.addEventListener("close", () => {
      this.onStatus("stream cut, connecting again", false);
      setTimeout(() => this.open(), RETRY_MS);
    });
  }

  send(action, channelId) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ action, channelId }));
  }
}

/** Return a function that runs `work` soon, at most once in `milliseconds`, and never twice at a time. */
export function throttled(work, milliseconds) {
  let isBusy = false;
  let isWanted = false;
  return async function run() {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    while (isWanted) {
      isWanted = false;
      await work();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
    isBusy = false;
  };
}
