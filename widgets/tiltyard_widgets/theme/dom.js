// Elements from plain values. Text only ever becomes a text node, so no data can become markup.
const SVG_NS = "http://www.w3.org/2000/svg";

function fill(node, attrs, children) {
  for (const [key, value] of Object.entries(attrs || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const h = (tag, attrs, ...children) => fill(document.createElement(tag), attrs, children);
const svg = (tag, attrs, ...children) => fill(document.createElementNS(SVG_NS, tag), attrs, children);

let tyCount = 0;
const tyScope = Math.random().toString(36).slice(2, 8);
const uid = (name) => `ty-${name}-${tyScope}-${++tyCount}`;

function watch(model, names, draw) {
  const events = names.map((name) => `change:${name}`);
  for (const event of events) model.on(event, draw);
  return () => { for (const event of events) model.off(event, draw); };
}

// At most one message a frame; ipywidgets itself holds further ones back while the kernel is busy, keeping the latest.
function saver(model) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; model.save_changes(); });
  };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const SUPER = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const raised = (n) => String(n).split("").map((c) => SUPER[c]).join("");

function written(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const v = Number(value);
  if (Number.isNaN(v)) return "not a number";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e12) return v.toLocaleString("en-US").replace("-", "−");
  if (size >= 1e6 || size < 1e-3) {
    const power = Math.floor(Math.log10(size) + 1e-9);
    const lead = Number((v / 10 ** power).toPrecision(digits));
    const sign = v < 0 ? "−" : "";
    return Math.abs(lead) === 1 ? `${sign}10${raised(power)}` : `${String(lead).replace("-", "−")}×10${raised(power)}`;
  }
  const rounded = size >= 10 ** digits ? Math.round(v) : Number(v.toPrecision(digits));
  return rounded.toLocaleString("en-US", { maximumFractionDigits: 12 }).replace("-", "−");
}
