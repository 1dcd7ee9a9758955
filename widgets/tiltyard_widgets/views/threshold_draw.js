// Drawings of the threshold pages: what stands still is drawn once a width, what the threshold moves lies on a layer of its own.
const NB = "\u00a0";
const pct = (v, digits = 1) => (v === null || v === undefined || !Number.isFinite(v) ? "–" : `${(100 * v).toFixed(digits)}${NB}%`);
const points = (v) => (v === null || v === undefined ? "–" : `${(100 * v).toFixed(1)}${NB}points`);
const whole = (n) => Math.round(n).toLocaleString("en-US");
const plainNumber = (v) => (v === null ? "–" : Number(v.toPrecision(4)).toLocaleString("en-US", { maximumSignificantDigits: 4 }));
const span = (r) => (r.value === null ? "" : `${(100 * r.low).toFixed(1)} to ${(100 * r.high).toFixed(1)}${NB}%`);
const shownThreshold = (t) => String(Number(t.toPrecision(6)));
const TALL = 250;

function roundTicks(low, high, count) {
  const raw = (high - low) / count, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((k) => k * unit).find((s) => s >= raw) || 10 * unit;
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

function scaleOf(axis, from, to) {
  const ticks = axis.ticks || roundTicks(axis.low, axis.high, 4);
  const text = axis.text || ((v) => pct(v, 0));
  return makeScale({ scale: "linear", low: axis.low, high: axis.high, down: false, ticks, labels: ticks.map(text) }, from, to);
}

const lineStyle = (line) => `stroke:${line.role === null ? "var(--ty-edge)" : color(line.role)};stroke-width:${line.thin ? 1.5 : 2.25};fill:none;stroke-linejoin:round`;
const keySwatch = (line) => svg("svg", { width: 24, height: 12, "aria-hidden": "true" },
  line.filled ? svg("rect", { x: 2, y: 1, width: 20, height: 10, style: `fill:${color(line.role)};fill-opacity:.35` }) : null,
  svg("path", { d: "M0,6H24", style: lineStyle(line), "stroke-dasharray": line.dash || null }));

function tableOf(title, heads, rows) {
  const body = rows.map((row) => h("tr", {}, row.map((cell, j) => h(j ? "td" : "th", { scope: j ? null : "row", class: j ? "ty-num" : null }, cell))));
  return h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": `Data of: ${title}` },
    h("table", { class: "ty-table" }, h("caption", { class: "ty-hidden" }, title),
      h("thead", {}, h("tr", {}, heads.map((head, j) => h("th", { scope: "col", class: j ? "ty-num" : null }, head)))), h("tbody", {}, body)));
}

// A figure with a title, one line that follows the threshold, a drawing, and its data as a table.
function figureOf(title, table) {
  const said = h("p", { class: "ty-help ty-said" });
  const legend = h("ul", { class: "ty-legend", "aria-hidden": "true" });
  const area = h("div", { class: "ty-plot" });
  const data = h("details", {}, h("summary", {}, "Show as table"));
  const fill = () => { if (data.open) data.replaceChildren(data.firstChild, table()); };
  data.addEventListener("toggle", fill);
  const node = h("figure", { class: "ty-chart ty-panelchart" }, h("h3", {}, title), said, legend, area, data);
  return { node, said, legend, area, fill };
}

// spec: title, x, y (label, low, high, ticks, text), lines (name, role, dash, at: [[x, y]], ends, dots), heads and rows of its table.
// move({ said, alt, marks: [{ x, y, role }], cut }) puts the present threshold on it.
function curveChart(spec) {
  const fig = figureOf(spec.title, () => tableOf(spec.title, spec.heads, spec.rows()));
  const named = spec.lines.filter((line) => line.name);
  if (named.length > 1) fig.legend.replaceChildren(...named.map((line) => h("li", {}, keySwatch(line), line.name)));
  const layer = svg("g");
  let [sx, sy, box, root, last] = [null, null, null, null, null];
  const drawLineOf = (line) => {
    const at = line.at.map((p) => (p === null || p[1] === null ? null : [sx.at(p[0]), sy.at(p[1])]));
    const { d } = linePath(at, Boolean(line.step));
    const out = [svg("path", { d, style: lineStyle(line), "stroke-dasharray": line.dash || null })];
    const real = at.filter(Boolean);
    if (line.filled && real.length) out.unshift(svg("path", { d: `${d}L${real.at(-1)[0]},${sy.at(0)}L${real[0][0]},${sy.at(0)}z`, style: `fill:${color(line.role)};fill-opacity:.2` }));
    if (line.dots) out.push(svg("path", { d: real.map((p) => MARKERS.circle(p[0], p[1], 3.5)).join(""), style: `fill:${color(line.role)}` }));
    if (line.ends) out.push(svg("path", { d: line.at.map((p, i) => (p && line.ends[i] ? `M${sx.at(p[0]).toFixed(1)},${sy.at(line.ends[i][0]).toFixed(1)}V${sy.at(line.ends[i][1]).toFixed(1)}` : "")).join(""), class: "ty-whisker", style: `stroke:${color(line.role)}` }));
    return out;
  };
  const still = (width) => {
    measureIn(fig.node);
    const labels = (spec.y.ticks || roundTicks(spec.y.low, spec.y.high, 4)).map(spec.y.text || ((v) => pct(v, 0)));
    box = { left: Math.max(...labels.map(textWidth)) + 14, right: width - 16, top: 24, bottom: TALL - 42 };
    [sx, sy] = [scaleOf(spec.x, box.left, box.right), scaleOf(spec.y, box.bottom, box.top)];
    root = svg("svg", { class: "ty-svg", role: "img", "aria-label": last?.alt || spec.title, viewBox: `0 0 ${width} ${TALL}`, width, height: TALL });
    for (const [i, t] of sy.ticks.entries()) root.append(svg("path", { d: `M${box.left},${sy.at(t)}H${box.right}`, class: "ty-grid" }), svg("text", { x: box.left - 8, y: sy.at(t), dy: "0.35em", "text-anchor": "end" }, sy.labels[i]));
    for (const [i, t] of sx.ticks.entries()) root.append(svg("path", { d: `M${sx.at(t)},${box.top}V${box.bottom}`, class: "ty-grid" }), svg("text", { x: sx.at(t), y: box.bottom + 16, "text-anchor": "middle" }, sx.labels[i]));
    root.append(svg("path", { d: `M${box.left},${box.bottom}H${box.right}`, class: "ty-axis" }),
      svg("text", { x: (box.left + box.right) / 2, y: TALL - 8, "text-anchor": "middle" }, cut(spec.x.label, width)),
      svg("text", { x: 0, y: 12 }, cut(spec.y.label, width)));
    for (const line of spec.lines) root.append(...drawLineOf(line));
    for (const p of spec.pins || []) root.append(svg("path", { d: MARKERS.diamond(sx.at(p.x), sy.at(p.y), 5), class: "ty-pin" }, svg("title", {}, p.name)));
    root.append(layer);
    fig.area.replaceChildren(root);
  };
  let [seen, stale] = [false, false];
  const move = (now) => {
    last = now;
    stale = !seen;
    if (stale) return;
    if (now.said !== undefined && fig.said.textContent !== now.said) fig.said.textContent = now.said;
    if (!root) return;
    if (now.alt) root.setAttribute("aria-label", now.alt);
    const made = [];
    if (now.cut !== undefined) made.push(svg("path", { d: `M${sx.at(now.cut).toFixed(1)},${box.top}V${box.bottom}`, class: "ty-cut" }));
    for (const m of now.marks || []) if (m.x !== null && m.y !== null) made.push(svg("path", { d: MARKERS[m.marker || "circle"](sx.at(m.x), sy.at(m.y), 6), class: "ty-mark", style: `fill:${color(m.role)}` }));
    layer.replaceChildren(...made);
  };
  const see = (on) => { seen = on; if (on && stale && last) move(last); };
  const settle = () => { if (stale && last) { const was = seen; see(true); seen = was; } };
  return { settle, node: fig.node, resize: (width) => { still(width); if (last) move(last); }, move, see, area: fig.area, fill: fig.fill };
}

// One rate of every group as a point with its interval on one scale; the gap between the two farthest apart is shaded.
function rateRows(title, names, help) {
  let now = null, words = "", sx = null, root = null, seen = false, stale = false;
  const fig = figureOf(title, () => tableOf(title, ["Group", "Rate", "from", "to", "n"], names.map((name, g) => [name, pct(now[g].value), pct(now[g].low), pct(now[g].high), whole(now[g].n)])));
  if (help) fig.node.title = help;
  const STEP = 26, bottom = names.length * STEP + 10, tall = bottom + 30;
  const middle = (g) => 8 + STEP * (g + 0.5);
  const band = svg("rect", { y: 4, height: bottom - 4, class: "ty-gapband" });
  const marks = names.map((_, g) => ({ line: svg("path", { class: "ty-whisker", style: `stroke:${color(1 + (g % 6))}` }), point: svg("path", { style: `fill:${color(1 + (g % 6))}` }), shape: MARKERS[Object.keys(MARKERS)[g % 6]] }));
  const still = (width) => {
    measureIn(fig.node);
    const left = Math.min(Math.max(...names.map((name) => textWidth(name))) + 12, width * 0.45);
    sx = scaleOf({ low: 0, high: 1 }, left, width - 18);
    root = svg("svg", { class: "ty-svg", role: "img", "aria-label": title, viewBox: `0 0 ${width} ${tall}`, width, height: tall }, band);
    for (const [i, t] of sx.ticks.entries()) root.append(svg("path", { d: `M${sx.at(t)},4V${bottom}`, class: "ty-grid" }), svg("text", { x: sx.at(t), y: bottom + 17, "text-anchor": "middle" }, sx.labels[i]));
    names.forEach((name, g) => root.append(svg("text", { x: left - 8, y: middle(g), dy: "0.35em", "text-anchor": "end", class: "ty-strong" }, cut(name, left - 10), svg("title", {}, name))));
    for (const m of marks) root.append(m.line, m.point);
    fig.area.replaceChildren(root);
  };
  const put = () => {
    stale = !seen;
    if (stale || !now || !root) return;
    if (fig.said.textContent !== words) fig.said.textContent = words;
    root.setAttribute("aria-label", `${title}: ${names.map((name, g) => `${name} ${pct(now[g].value)}`).join(", ")}`);
    const compared = now.filter((r) => r.compared && r.value !== null).map((r) => r.value);
    const [a, b] = compared.length > 1 ? [Math.min(...compared), Math.max(...compared)] : [0, 0];
    band.setAttribute("x", sx.at(a));
    band.setAttribute("width", b > a ? Math.max(sx.at(b) - sx.at(a), 1) : 0);
    marks.forEach((m, g) => {
      const r = now[g], y = middle(g), known = r.value !== null;
      const [from, to] = [sx.at(r.low).toFixed(1), sx.at(r.high).toFixed(1)];
      m.line.setAttribute("d", known ? `M${from},${y}H${to}M${from},${y - 4}v8M${to},${y - 4}v8` : "");
      m.point.setAttribute("d", known ? m.shape(sx.at(r.value), y, 5) : "");
      m.point.setAttribute("fill-opacity", r.compared ? 1 : 0.4);
    });
  };
  return { node: fig.node, area: fig.area, fill: fig.fill, resize: (wide) => { still(wide); put(); }, see: (on) => { seen = on; if (on && stale) put(); }, settle: () => { if (stale) { const was = seen; seen = true; put(); seen = was; } }, move: (rates, said) => { [now, words] = [rates, said]; put(); } };
}

// True class by answered class, each cell with its share of the true class.
function confusionOf(name, rest) {
  const cell = () => ({ n: h("b", {}), share: h("span", { class: "ty-help" }), node: h("td", {}) });
  const cells = { tp: cell(), fn: cell(), fp: cell(), tn: cell() };
  for (const c of Object.values(cells)) c.node.append(c.n, c.share);
  const head = (text) => h("th", { scope: "row" }, text);
  const node = h("figure", { class: "ty-chart ty-panelchart" }, h("h3", {}, "Confusion matrix"),
    h("table", { class: "ty-table ty-confusion" }, h("caption", { class: "ty-hidden" }, "Rows by true class and answered class"),
      h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, `answered ${name}`), h("th", { scope: "col" }, `answered ${rest}`))),
      h("tbody", {}, h("tr", {}, head(`truly ${name}`), cells.tp.node, cells.fn.node), h("tr", {}, head(`truly ${rest}`), cells.fp.node, cells.tn.node))));
  const put = (key, n, of) => {
    const c = cells[key], share = of ? n / of : 0, right = key[0] === "t";
    c.n.textContent = whole(n);
    c.share.textContent = ` ${of ? pct(share) : "–"}`;
    c.node.style.backgroundColor = `color-mix(in srgb, var(${right ? "--ty-accent-soft" : "--ty-finding-soft"}) ${Math.round(30 + 70 * share)}%, var(--ty-surface))`;
  };
  return { node, move: (c) => { put("tp", c.tp, c.tp + c.fn); put("fn", c.fn, c.tp + c.fn); put("fp", c.fp, c.fp + c.tn); put("tn", c.tn, c.fp + c.tn); } };
}
