// Starts the page: the bar, the stream, and the view of one kind of market.
import { ask } from "/page/api.js";
import { make } from "/page/dom.js";
import { Feed } from "/page/feed.js";
import { perpetualView } from "/page/perpetual.js";
import { spotView } from "/page/spot.js";

/** Each is { title, open(context) } and fills the page with one kind of market. */
const VIEWS = [spotView, perpetualView];

const problem = document.getElementById("problem");

/** Run some work; what goes wrong is shown in one sentence, and taken away when it works again. */
async function attempt(work) {
  try {
    const result = await work();
    problem.hidden = true;
    return result;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    return undefined;
  }
}

function showStatus(text, isLive) {
  const status = document.getElementById("status");
  status.textContent = text;
  status.classList.toggle("live", isLive);
}

function switchTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  dispatchEvent(new CustomEvent("theme"));
}

async function start() {
  const info = await attempt(() => ask("/localnet/info"));
  if (info === undefined) {
    setTimeout(start, 2000);
    return;
  }
  document.getElementById("chain").textContent =
    `${info.chain_name}, chain ${info.chain_id}, fee ${info.fee_bps} bps, seed ${info.seed}, version ${info.version}`;
  let view;
  let choice = 0;
  const feed = new Feed({ onChange: () => view?.refresh(), onStatus: showStatus });
  const container = document.getElementById("view");
  const buttons = VIEWS.map(({ title, open }) => {
    const button = make("button", { type: "button", className: "tab" }, title);
    button.addEventListener("click", async () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      choice += 1;
      const chosen = choice;
      view?.close();
      view = undefined;
      const place = make("div", { className: "view" });
      const opened = await attempt(() => open({ container: place, feed, info, attempt }));
      if (chosen !== choice) {
        opened?.close();
        return;
      }
      container.replaceChildren(place);
      view = opened;
      view?.refresh();
    });
    return button;
  });
  document.getElementById("views").append(...buttons);
  buttons[0].click();
}

document.getElementById("theme").addEventListener("click", switchTheme);
start();
