// Runs before the page is drawn, so that it never flashes in the wrong colours.
const chosen = localStorage.getItem("theme");
const prefersLight = matchMedia("(prefers-color-scheme: light)").matches;
document.documentElement.dataset.theme = chosen ?? (prefersLight ? "light" : "dark");
