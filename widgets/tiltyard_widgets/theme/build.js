// Makes a tree of [tag, attributes, children] made in Python. Only what is listed here can be made.
const TAGS = new Set("div span p h2 h3 h4 ul ol li dl dt dd table caption thead tbody tr th td figure figcaption img details summary pre code button b em section".split(" "));
const ATTRS = new Set("class role title alt scope colspan tabindex open type width height hidden disabled style-columns".split(" "));
const allowed = (key) => ATTRS.has(key) || key.startsWith("aria-") || key.startsWith("data-");

// No number breaks over lines: between number and unit, around = and inside an interval stands a space that holds. Code stays as it is.
const BROKEN = /(?<=\d) (?=(?:%|(?:points?|ranges?|probability|s|ms|µs|min|h|dB|MB|GB)\b))|(?<=[=≥≤≈±]) (?=[\d−-])|(?<=\w) (?=[=≥≤≈] [\d−-])|(?<=\d,) (?=[−-]?\d[\d.,]*\])/g;

function build(node, plain = false) {
  if (!Array.isArray(node)) return document.createTextNode(plain ? String(node) : String(node).replace(BROKEN, "\u00a0"));
  const [tag, attrs, children] = node;
  const made = h(TAGS.has(tag) ? tag : "span");
  for (const [key, value] of Object.entries(attrs || {})) {
    if (key === "src") {
      if (String(value).startsWith("data:image/png;base64,")) made.src = value;
    } else if (key === "style-columns") {
      made.style.gridTemplateColumns = `repeat(${Number(value) || 1}, minmax(72px, 128px))`;
    } else if (allowed(key) && typeof value !== "object") {
      if (value !== false) made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  for (const child of children || []) made.append(build(child, plain || tag === "code" || tag === "pre"));
  if (made.className === "ty-termbox") explained(made);
  return made;
}

// The help of a term: shown by the style sheet on hover and focus; Escape puts it away until the pointer or focus has left.
function explained(box) {
  const tip = box.querySelector(".ty-termtip");
  tip.id = uid("term");
  box.querySelector("button").setAttribute("aria-describedby", tip.id);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") box.dataset.shut = ""; });
  for (const left of ["mouseleave", "focusout"]) box.addEventListener(left, () => { delete box.dataset.shut; });
}

async function copied(button) {
  if (button.dataset.quiet !== undefined) { // a number stays where it is; that it was copied is said beside it
    const done = h("span", { class: "ty-copied", role: "status" }, (await copyText(button.dataset.copy)) ? "Copied" : "Not copied");
    button.after(done);
    setTimeout(() => done.remove(), 1500);
    return;
  }
  const before = button.textContent;
  button.textContent = (await copyText(button.dataset.copy)) ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
