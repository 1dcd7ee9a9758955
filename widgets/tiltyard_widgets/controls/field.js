// One labeled control. `spec` as made by fields.py; `changed(value)` gets what a person chose, as typed when it is no number.
const POSITIONS = 1000;
const asText = (v) => (v === null || v === undefined ? "" : typeof v === "number" ? String(v).replace("e+", "e") : String(v));

function parsed(text, spec) {
  const t = text.trim().replace("−", "-");
  if (t === "") return spec.optional ? null : "";
  const n = Number(t.replace(/(\d),(?=\d{3}\b)/g, "$1"));
  return Number.isFinite(n) ? n : text;
}

function toPosition(spec, value) {
  const low = spec.start ?? spec.min;
  const v = Math.min(Math.max(Number(value) || 0, low), spec.max);
  return spec.log ? (POSITIONS * Math.log(v / low)) / Math.log(spec.max / low) : v;
}

function fromPosition(spec, position) {
  const p = Number(position);
  if (!spec.log) return spec.kind === "integer" ? Math.round(p) : Number(p.toPrecision(spec.step ? 10 : spec.digits ?? 3));
  const low = spec.start ?? spec.min;
  const raw = low * (spec.max / low) ** (p / POSITIONS);
  const v = spec.kind === "integer" ? Math.round(raw) : Number(raw.toPrecision(spec.digits ?? 2));
  return Math.min(Math.max(v, low), spec.max);
}

function rangeInput(spec, about, changed) {
  const input = h("input", { type: "range", "aria-label": `${spec.label}, slider`, "aria-describedby": about });
  const bound = (s) => {
    input.min = s.log ? 0 : s.start ?? s.min;
    input.max = s.log ? POSITIONS : s.max;
    input.step = s.log ? 1 : s.step || (s.max - s.min) / 200;
  };
  bound(spec);
  const put = (value) => {
    const n = Number(value);
    if (value === "" || value === null || !Number.isFinite(n)) return;
    input.value = toPosition(spec, n);
    input.setAttribute("aria-valuetext", `${asText(n)}${spec.unit ? ` ${spec.unit}` : ""}`);
  };
  put(spec.default ?? spec.min);
  input.addEventListener("input", () => { const v = fromPosition(spec, input.value); put(v); changed(v); });
  return { input, put, bound };
}

function numberControl(spec, id, about, changed) {
  const box = h("input", { type: "text", inputmode: spec.kind === "integer" ? "numeric" : "decimal", id, "aria-describedby": about, autocomplete: "off", spellcheck: "false" });
  const slide = spec.slider ? rangeInput(spec, about, (v) => { box.value = asText(v); changed(v); }) : null;
  const put = (v) => { if (JSON.stringify(parsed(box.value, spec)) !== JSON.stringify(v)) box.value = asText(v); slide?.put(v); };
  box.addEventListener("input", () => { const v = parsed(box.value, spec); slide?.put(v); changed(v); });
  return { node: slide ? h("div", { class: "ty-pair" }, slide.input, box) : box, put, main: box, all: slide ? [box, slide.input] : [box], slide };
}

function textControl(spec, id, about, changed) {
  const box = h("input", { type: "text", id, "aria-describedby": about, autocomplete: "off", spellcheck: "false" });
  const list = spec.kind === "list";
  const read = () => (list ? box.value.split(/[,;]/).map((t) => t.trim()).filter(Boolean).map((t) => (Number.isFinite(Number(t)) ? Number(t) : t)) : box.value === "" && spec.optional ? null : box.value);
  box.addEventListener("input", () => changed(read()));
  const put = (v) => { if (JSON.stringify(read()) !== JSON.stringify(v)) box.value = list && Array.isArray(v) ? v.map(asText).join(", ") : asText(v); };
  return { node: box, put, main: box, all: [box] };
}

// Options in the order they come; neighbors of one group stand under its name.
function grouped(options) {
  const made = [];
  let group = null;
  options.forEach((o, i) => {
    const option = h("option", { value: i }, o.label);
    if (!o.group) { group = null; made.push(option); return; }
    if (group?.label !== o.group) { group = h("optgroup", { label: o.group }); made.push(group); }
    group.append(option);
  });
  return made;
}

function selectControl(spec, id, about, changed) {
  const box = h("select", { id, "aria-describedby": about }, grouped(spec.options));
  box.addEventListener("change", () => changed(spec.options[box.selectedIndex]?.value ?? null));
  const name = () => { box.title = spec.options[box.selectedIndex]?.label ?? ""; };
  box.addEventListener("change", name);
  const put = (v) => { box.selectedIndex = spec.options.findIndex((o) => JSON.stringify(o.value) === JSON.stringify(v)); name(); };
  return { node: box, put, main: box, all: [box] };
}

function boolControl(spec, id, about, changed) {
  const box = h("input", { type: "checkbox", id, "aria-describedby": about });
  box.addEventListener("change", () => changed(box.checked));
  return { node: h("label", { class: "ty-check ty-strong", for: id }, box, spec.label), put: (v) => { box.checked = Boolean(v); }, main: box, all: [box], own: true };
}

// Check boxes or radio buttons; the group's name is the legend.
function groupControl(spec, id, about, changed, single, look) {
  const boxes = spec.options.map((o, i) => h("input", { type: single ? "radio" : "checkbox", name: id, id: `${id}-${i}` }));
  const read = () => (single ? spec.options[boxes.findIndex((b) => b.checked)]?.value : spec.options.filter((_, i) => boxes[i].checked).map((o) => o.value));
  for (const b of boxes) b.addEventListener("change", () => changed(read()));
  const put = (v) => boxes.forEach((b, i) => { const value = JSON.stringify(spec.options[i].value); b.checked = single ? value === JSON.stringify(v) : (v || []).some((w) => JSON.stringify(w) === value); });
  const labels = boxes.map((b, i) => h("label", { class: look ? null : "ty-check", for: b.id }, b, spec.options[i].label));
  return { node: h("div", { class: look ?? "ty-options" }, labels), put, main: boxes[0], all: boxes, group: true };
}

function control(spec, id, about, changed) {
  if (spec.kind === "bool") return boolControl(spec, id, about, changed);
  if (spec.kind === "select") return selectControl(spec, id, about, changed);
  if (spec.kind === "radio") return groupControl(spec, id, about, changed, true);
  if (spec.kind === "segments") return groupControl(spec, id, about, changed, true, "ty-segments");
  if (spec.kind === "multi") return groupControl(spec, id, about, changed, false);
  return spec.kind === "number" || spec.kind === "integer" ? numberControl(spec, id, about, changed) : textControl(spec, id, about, changed);
}

// A sign that opens the help of a field; a screen reader hears the help with the field, opened or not.
function helpSign(spec, help) {
  const sign = h("button", { type: "button", class: "ty-ask", "aria-label": `Help: ${spec.label}`, "aria-expanded": "false", "aria-controls": help.id }, "?");
  const open = (on) => { help.hidden = !on; sign.setAttribute("aria-expanded", String(on)); };
  sign.addEventListener("click", () => open(help.hidden));
  sign.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });
  return sign;
}

// Label, control, help on demand, error line, and a reset that is there only while the value is not the default.
function field(spec, { changed, reset = true }) {
  const id = uid("f");
  const helpId = `${id}-help`, wrongId = `${id}-wrong`;
  const made = control(spec, id, `${helpId} ${wrongId}`, (v) => { back.hidden = same(v); changed(v); });
  const same = (v) => !reset || JSON.stringify(v ?? null) === JSON.stringify(spec.default ?? null);
  const back = h("button", { type: "button", class: "ty-link", "aria-label": `Reset ${spec.label} to its default`, hidden: true }, "reset");
  back.addEventListener("click", () => { put(spec.default ?? null); changed(spec.default ?? null); made.main?.focus(); });
  const unit = spec.unit ? h("span", { class: "ty-unit" }, ` (${spec.unit})`) : null;
  const title = made.own ? made.node : made.group ? h("span", { class: "ty-asked", id: `${id}-name` }, spec.label, unit) : h("label", { for: id }, spec.label, unit);
  const help = h("span", { class: "ty-help", id: helpId, hidden: true }, [spec.help, spec.hint].filter(Boolean).join(spec.help.endsWith(".") ? " " : " · "));
  const wrong = h("span", { class: "ty-wrong", id: wrongId, "aria-live": "polite" });
  const node = h("div", { class: "ty-field", role: made.group ? "group" : null, "aria-labelledby": made.group ? `${id}-name` : null },
    h("div", { class: "ty-head" }, h("span", { class: "ty-named" }, title, help.textContent ? helpSign(spec, help) : null), back), made.own ? null : made.node, help.textContent ? help : null, wrong);
  const put = (v) => { made.put(v); back.hidden = same(v); };
  const say = (text) => {
    wrong.textContent = text ? `✕ ${text}` : "";
    for (const input of made.all.filter((one) => one.type !== "range")) if (text) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  };
  const able = (on) => { for (const input of [...made.all, back]) input.disabled = !on; };
  return { node, put, say, able, made };
}
