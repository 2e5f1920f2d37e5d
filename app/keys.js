// Light or dark as chosen before; without a choice gradio follows the system.
const applyTheme = (name) => name && document.body.classList.toggle("dark", name === "dark");
const keepTheme = () => {
  const applyChosen = () => applyTheme(localStorage.getItem("duodesk-theme"));
  applyChosen();
  // Gradio sets the system's theme whenever it gets round to it.
  new MutationObserver(applyChosen).observe(document.body, { attributeFilter: ["class"] });
};
// Gradio may put this script in before the page is there, or after.
if (document.body) keepTheme();
else addEventListener("DOMContentLoaded", keepTheme);

function switchTheme() {
  const name = document.body.classList.contains("dark") ? "light" : "dark";
  localStorage.setItem("duodesk-theme", name);
  applyTheme(name);
}

addEventListener("click", (event) => {
  if (event.target.closest?.("#theme-switch")) switchTheme();
});

// Votes by key: only while nobody is typing or moving through a control.
const VOTES = { 1: "vote-left", 2: "vote-right", 0: "vote-tie", x: "vote-both-bad" };
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable], [role=listbox]")) return;
  const id = VOTES[event.key.toLowerCase()];
  const button = id && document.getElementById(id);
  if (button && !button.disabled) button.click();
});

// Gradio's icon buttons have no name for screen readers.
const NAMES = { "submit-button": "Send", "stop-button": "Stop" };
const nameButtons = () =>
  Object.entries(NAMES).forEach(([id, name]) =>
    document.querySelectorAll(`[data-testid=${id}]:not([aria-label])`).forEach((b) => b.setAttribute("aria-label", name)));
addEventListener("load", () => new MutationObserver(nameButtons).observe(document.body, { childList: true, subtree: true }));
