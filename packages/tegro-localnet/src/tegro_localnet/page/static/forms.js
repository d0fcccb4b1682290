// Forms that say in one sentence what came of them.
import { make } from "/page/dom.js";

/** Make a labelled field around an input or select. */
export function field(label, input) {
  return make("label", { className: "field" }, make("span", {}, label), input);
}

/** Make a form; `act()` returns the sentence to show, or throws an Error with one. */
export function form({ id, button, act }, ...fields) {
  const message = make("output", { className: "message" });
  const submit = make("button", { type: "submit", className: "main" }, button);
  const element = make("form", { id, noValidate: true }, ...fields, submit, message);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    report(message, submit, act);
  });
  return element;
}

/** Make a button with the same manners; what it has to say appears in `message`. */
export function actionButton(label, message, act) {
  const button = make("button", { type: "button" }, label);
  button.addEventListener("click", () => report(message, button, act));
  return button;
}

async function report(message, button, act) {
  button.disabled = true;
  try {
    message.textContent = await act();
    message.classList.remove("bad");
  } catch (error) {
    message.textContent = error.message;
    message.classList.add("bad");
  }
  button.disabled = false;
}
