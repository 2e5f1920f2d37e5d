// Light or dark as chosen before; without a choice gradio follows the system.
const applyTheme = (name) => name && document.body.classList.toggle("dark", name === "dark");
const keepTheme = () => {
  const applyChosen = () => applyTheme(localStorage.getItem("duodesk-theme"));
  applyChosen();
  // Gradio sets the system's theme whenever it gets round to it.
  new MutationObserver(applyChosen).observe(document.body, { attributeFilter: ["class"] });
};
// Gradio may put this script in before the page is there, or after.
const whenThere = (act) => (document.body ? act() : addEventListener("DOMContentLoaded", act));
whenThere(keepTheme);

function switchTheme() {
  const name = document.body.classList.contains("dark") ? "light" : "dark";
  localStorage.setItem("duodesk-theme", name);
  applyTheme(name);
}

addEventListener("click", (event) => {
  if (event.target.closest?.("#theme-switch")) switchTheme();
});

// Who was sent a study's pairs to rate sees them alone: other pages would tell what is compared.
document.documentElement.classList.toggle("sent", location.pathname === "/rate" && location.search.includes("study="));

// Votes by key: only while nobody is typing or moving through a control.
const PRESSED = {
  1: "vote-left", 2: "vote-right", 0: "vote-tie", x: "vote-both-bad", s: "skip-pair", u: "undo-vote",
};
const IS_SHOWN = (element) => element?.offsetParent != null;
addEventListener("keydown", (event) => {
  const fields = event.target.closest?.("input, textarea, select, [contenteditable], [role=listbox]");
  if (event.key === "Escape" && fields?.closest("#opinions")) return fields.blur();
  if (fields || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const button = document.getElementById(PRESSED[key]);
  if (IS_SHOWN(button) && !button.disabled) button.click();
  const opinions = document.getElementById("opinions");
  if (key === "c" && IS_SHOWN(opinions)) {
    event.preventDefault();
    toComment(opinions);
  }
});

function toComment(opinions) {
  const comment = opinions.querySelector("#vote-comment textarea");
  if (IS_SHOWN(comment)) return comment.focus();
  opinions.querySelector("button").click();
  requestAnimationFrame(() => requestAnimationFrame(() => opinions.querySelector("#vote-comment textarea")?.focus()));
}

// A vote shows the next pair at once: a click soon after the last, or soon after a pair has come, is not meant for a
// pair that nobody can have read.
const SAME_PRESS_MS = 400;
let pressed = -SAME_PRESS_MS;
addEventListener("pair-shown", (event) => (pressed = event.timeStamp));
addEventListener("click", (event) => {
  if (!Object.values(PRESSED).includes(event.target.closest?.("button")?.id)) return;
  if (event.timeStamp - pressed < SAME_PRESS_MS) event.stopImmediatePropagation();
  else pressed = event.timeStamp;
}, { capture: true });

// Gradio's icon buttons have no name for screen readers.
const NAMES = { "submit-button": "Send", "stop-button": "Stop" };
const nameButtons = () =>
  Object.entries(NAMES).forEach(([id, name]) =>
    document.querySelectorAll(`[data-testid=${id}]:not([aria-label])`).forEach((b) => b.setAttribute("aria-label", name)));
whenThere(() => {
  nameButtons();
  new MutationObserver(nameButtons).observe(document.body, { childList: true, subtree: true });
});
