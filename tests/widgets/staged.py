"""Whole panels in a page without a kernel: boxes and buttons of ipywidgets as plain elements, our blocks by their own scripts."""

import json
from typing import Any

import ipywidgets as w

from tiltyard_widgets.theme.block import CSS, Block

SKIPPED = ("layout", "tabbable", "tooltip", "_esm", "_css")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stage</title><style>
body { margin: 0; padding: 10px; }
.widget-box { display: flex; flex-direction: column; box-sizing: border-box; margin: 2px; overflow: auto; }
.widget-box > * { flex: 0 0 auto; }
.jupyter-button { padding: 0 10px; border: 1px solid; }
.widget-text, .widget-select, .widget-textarea { display: flex; }
</style><style>%s</style></head><body data-voila="voila"><main></main><script type="module">
window.models = []; window.faults = [];
window.addEventListener("error", (e) => window.faults.push(e.message));
window.addEventListener("unhandledrejection", (e) => window.faults.push(String(e.reason)));
class Model {
  constructor(state) { this.state = state; this.calls = {}; this.sent = []; }
  get(k) { return this.state[k]; }
  set(k, v) { const old = this.state[k]; this.state[k] = v; if (old !== v) for (const f of this.calls["change:" + k] ?? []) f(); }
  on(e, f) { (this.calls[e] ??= []).push(f); }
  off(e, f) { this.calls[e] = (this.calls[e] ?? []).filter((g) => g !== f); }
  save_changes() {}
  send(content) { this.sent.push(content); }
}
const scripts = new Map();
const script = (text) => { if (!scripts.has(text)) scripts.set(text, import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })))); return scripts.get(text); };
const put = async (node, into, esm) => {
  const el = document.createElement(node.tag);
  el.className = node.classes;
  if (node.display) el.style.display = node.display;
  into.append(el);
  if (node.text !== undefined) el.textContent = node.text;
  if (node.disabled) el.disabled = true;
  if (node.label !== undefined) { const l = document.createElement("label"); l.className = "widget-label"; l.textContent = node.label; l.htmlFor = el.id = "e" + Math.random(); el.before(l); }
  if (node.esm !== undefined) { const model = new Model(node.state); models.push({ model, el }); await (await script(esm[node.esm])).default.render({ model, el }); }
  for (const child of node.children ?? []) await put(child, el, esm);
};
window.stage = async (node, esm) => { document.querySelector("main").replaceChildren(); window.models = []; await put(node, document.querySelector("main"), esm); };
</script></body></html>"""


def page() -> str:
    """The empty page; ``stage(tree, scripts)`` in it shows what `tree_of` made."""
    return PAGE.replace("%s", CSS)


def tree_of(widget: w.Widget, scripts: list[str]) -> dict[str, Any]:
    """A widget with all it holds; the scripts of its blocks are put into ``scripts``."""
    classes = " ".join(["lm-Widget", "jupyter-widgets", *widget._dom_classes])
    display = widget.layout.display or ""
    if isinstance(widget, Block):
        if widget._esm not in scripts:
            scripts.append(str(widget._esm))
        state = {k: v for k, v in widget.get_state().items() if k not in SKIPPED}
        return {
            "tag": "div", "classes": classes, "display": display, "esm": scripts.index(str(widget._esm)),
            "state": json.loads(json.dumps(state, default=lambda _: None)),
        }  # fmt: skip
    if isinstance(widget, w.Box):
        kids = [tree_of(child, scripts) for child in widget.children]
        return {"tag": "div", "classes": f"{classes} widget-box widget-vbox", "display": display, "children": kids}
    if isinstance(widget, w.Button):
        shown = f"{classes} jupyter-button widget-button"
        return {"tag": "button", "classes": shown, "display": display, "text": widget.description, "disabled": widget.disabled}
    box = {"tag": "div", "classes": classes, "display": display}
    return box | {"children": [{"tag": "input", "classes": "", "label": getattr(widget, "description", "")}]}
