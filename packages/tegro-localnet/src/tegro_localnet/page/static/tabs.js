// Panels of which one is shown at a time.
import { make } from "/page/dom.js";

export class Tabs {
  /** A part is { title, id, element, update(...news), count(...news) }; the count stands beside the title. */
  constructor(label, parts) {
    this.parts = parts;
    this.tabs = parts.map((part) => this.tab(part));
    this.panels = parts.map(({ element, id }) => make("div", { id, role: "tabpanel", className: "tabpanel" }, element));
    this.element = make("section", { className: "panel activity", "aria-label": label },
      make("div", { className: "panel-head tabs", role: "tablist" }, ...this.tabs), ...this.panels);
    this.choose(0);
  }

  tab({ title, id }) {
    const tab = make("button", { type: "button", role: "tab", className: "tab", "aria-controls": id }, title);
    tab.append(" ", make("span", { className: "count" }));
    tab.addEventListener("click", () => this.choose(this.tabs.indexOf(tab)));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = (this.tabs.indexOf(tab) + step + this.tabs.length) % this.tabs.length;
      this.choose(next);
      this.tabs[next].focus();
    });
    return tab;
  }

  choose(chosen) {
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === chosen));
      tab.tabIndex = i === chosen ? 0 : -1;
      this.panels[i].hidden = i !== chosen;
    });
  }

  update(...news) {
    this.parts.forEach(({ update, count }, i) => {
      update(...news);
      this.tabs[i].querySelector(".count").textContent = count(...news) || "";
    });
  }
}
