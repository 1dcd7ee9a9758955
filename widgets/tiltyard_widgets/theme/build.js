// Makes a tree of [tag, attributes, children] made in Python. Only what is listed here can be made.
const TAGS = new Set("div span p h2 h3 h4 ul ol li dl dt dd table caption thead tbody tr th td figure figcaption img details summary pre code button b em section".split(" "));
const ATTRS = new Set("class role title alt scope colspan tabindex open type width height hidden disabled style-columns".split(" "));
const allowed = (key) => ATTRS.has(key) || key.startsWith("aria-") || key.startsWith("data-");

function build(node) {
  if (!Array.isArray(node)) return document.createTextNode(String(node));
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
  for (const child of children || []) made.append(build(child));
  return made;
}

async function copied(button) {
  const before = button.textContent;
  button.textContent = (await copyText(button.dataset.copy)) ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
