// A chart as SVG in the page's own colors. Redrawn whole on each change: some hundred elements take about two milliseconds.
function readChart(raw) {
  const series = raw.series.map((s) => {
    const banded = s.low.length > 0;
    const points = s.x.map((x, i) => ({ i, said: s.remarks[i] ?? "", x, y: s.y[i], low: s.low[i] ?? null, high: s.high[i] ?? null, place: s.places[i], text: s.texts[i], between: s.between[i] ?? "–" }));
    return { ...s, banded, points };
  });
  return { ...raw, series };
}

// Where lines can be named at their right end instead of in a legend: few series, all ending there, enough room.
function endLabels(chart, width) {
  const named = chart.series.length > 1 && chart.series.length <= 6 && isLine(chart.kind) && width >= 480 && !chart.series.some((s) => s.thin);
  if (!named) return 0;
  const ends = chart.series.map((s) => Math.max(...s.points.filter((p) => p.y !== null && p.x !== null).map((p) => p.x)));
  if (ends.some((e) => e !== ends[0])) return 0;
  const widest = Math.max(...chart.series.map((s) => textWidth(s.name)));
  return widest > width * 0.28 ? 0 : widest + 22;
}

function dodge(wanted, gap, low, high) {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  if (order.length * gap > high - low) return null;
  order.forEach((o, k) => { o.y = Math.max(o.y, k ? order[k - 1].y + gap : low); });
  for (let k = order.length - 1; k >= 0; k--) order[k].y = Math.min(order[k].y, k === order.length - 1 ? high : order[k + 1].y - gap);
  const out = [];
  for (const o of order) out[o.i] = o.y;
  return out;
}

function xLabels(scale, width) {
  if (!scale.category) return { lines: scale.labels.map((l) => [l]), height: 16, turned: false };
  const band = scale.unit - 8;
  const lines = scale.labels.map((label) => wrap(label, band));
  const hurt = scale.labels.some((label, i) => lines[i].join(" ") !== label.split(/\s+/).join(" "));
  if (!hurt) return { lines, height: 15 * Math.max(...lines.map((l) => l.length)), turned: false };
  const short = scale.labels.map((label, i) => [cut(label, Math.min(110, (scale.at(i) - 4) / 0.77))]);
  return { lines: short, height: Math.max(...short.map((l) => textWidth(l[0]))) * 0.65 + 16, turned: true };
}

function drawAxes(chart, sx, sy, box, xl) {
  const g = svg("g");
  const every = sx.category ? Math.max(1, Math.ceil(16 / Math.max(sx.unit, 1))) : 1;
  if (!sy.category) for (const t of sy.ticks) g.append(svg("path", { d: `M${box.left},${sy.at(t)}H${box.right}`, class: "ty-grid" }));
  if (!sx.category) for (const t of sx.ticks) g.append(svg("path", { d: `M${sx.at(t)},${box.top}V${box.bottom}`, class: "ty-grid" }));
  g.append(svg("path", { d: chart.flip ? `M${box.left},${box.top}V${box.bottom}` : `M${box.left},${box.bottom}H${box.right}`, class: "ty-axis" }));
  sy.ticks.forEach((t, i) => {
    const label = sy.category ? cut(sy.labels[i], box.left - 12) : sy.labels[i];
    g.append(svg("text", { x: box.left - 8, y: sy.at(t), dy: "0.35em", "text-anchor": "end", "data-tick": "y", class: sy.category ? "ty-strong" : null }, label, svg("title", {}, sy.labels[i])));
  });
  let last = -Infinity;
  sx.ticks.forEach((t, i) => {
    if (i % every) return;
    const [px, lines] = [sx.at(t), xl.lines[i]];
    if (!sx.category) {
      const half = textWidth(lines[0]) / 2;
      if (px - half < last + 8) return;
      last = px + half;
    }
    if (xl.turned) g.append(svg("text", { x: px, y: box.bottom + 12, "text-anchor": "end", "data-tick": "x", transform: `rotate(-40 ${px} ${box.bottom + 12})`, class: "ty-strong" }, lines[0], svg("title", {}, sx.labels[i])));
    else lines.forEach((line, k) => g.append(svg("text", { x: px, y: box.bottom + 17 + 15 * k, "text-anchor": "middle", "data-tick": "x", class: sx.category ? "ty-strong" : null }, line)));
  });
  const titleX = chart.x.title;
  g.append(svg("text", { x: (box.left + box.right) / 2, y: box.bottom + xl.height + 20, "text-anchor": "middle" }, cut(titleX, box.right)));
  g.append(svg("text", { x: 0, y: 12 }, cut(chart.y.title, box.right)));
  return g;
}

// Everything drawn as points some pixels apart, to find a free place for a label.
function inkOf(chart, sx, sy) {
  const ink = [];
  for (const s of chart.series) {
    let last = null;
    for (const p of s.points) {
      if (p.x === null || p.y === null) { last = null; continue; }
      const now = [sx.at(p.x), sy.at(p.y)];
      const parts = last && isLine(chart.kind) ? Math.min(60, Math.ceil((now[0] - last[0]) / 8)) : 1;
      for (let k = 1; k <= parts; k++) ink.push(last && parts > 1 ? [last[0] + ((now[0] - last[0]) * k) / parts, last[1] + ((now[1] - last[1]) * k) / parts] : now);
      last = now;
    }
  }
  return ink;
}

// Above or below the line, where the label is farthest from what is drawn; the right end where it makes no difference.
function freePlace(ink, occupied, width, line, box) {
  let best = null;
  for (const above of [true, false]) {
    const y = above ? line - 5 : line + 14;
    if (y < box.top + 8 || y > box.bottom - 3) continue;
    for (let k = 6; k >= 0; k--) {
      const x = box.left + 6 + ((box.right - box.left - 12 - width) * k) / 6;
      const near = [...ink, ...occupied].filter((q) => q[0] > x - 8 && q[0] < x + width + 8).map((q) => Math.abs(q[1] - (y - 4)));
      const room = Math.min(26, ...near) - (above ? 0 : 1);
      if (!best || room > best.room) best = { x, y, room };
    }
  }
  return best ?? { x: box.left + 6, y: line - 5 };
}

function drawReference(chart, sx, sy, box) {
  const g = svg("g");
  const occupied = [];
  const ink = chart.references.length ? inkOf(chart, sx, sy) : [];
  for (const { label, value } of chart.references) {
    const p = chart.flip ? sx.at(value) : sy.at(value);
    if (chart.flip) {
      if (p < box.left - 1 || p > box.right + 1) continue;
      const left = p > (box.left + box.right) / 2;
      g.append(svg("path", { d: `M${p},${box.top}V${box.bottom}`, class: "ty-ref" }), svg("text", { x: p + (left ? -5 : 5), y: box.top - 4, "text-anchor": left ? "end" : "start", class: "ty-strong ty-halo" }, label));
    } else {
      if (p < box.top - 1 || p > box.bottom + 1) continue;
      g.append(svg("path", { d: `M${box.left},${p}H${box.right}`, class: "ty-ref" }));
      if (chart.kind === "bar") continue;
      const short = cut(label, box.right - box.left - 12);
      const width = textWidth(short);
      const { x, y } = freePlace(ink, occupied, width, p, box);
      for (let k = 0; k <= width; k += 10) occupied.push([x + k, y - 4]);
      g.append(svg("text", { x, y, class: "ty-strong ty-halo" }, short));
    }
  }
  return g;
}

function plot(chart, width, height, fills) {
  const ends = endLabels(chart, width);
  const rows = chart.y.scale === "category" ? chart.y.ticks.length : 0;
  const left = Math.min(Math.max(...chart.y.labels.map((l) => textWidth(l)), 12) + 14, width * 0.42);
  const { lanes, valued } = chart;
  const close = height < 300; // a first view has the height of one screen
  const lane = chart.kind === "swarm" ? (close ? 24 : 30) : close ? 20 : 24;
  const half = Math.max(0, ...chart.x.labels.map(textWidth)) / 2;
  const right = width - (ends || (chart.kind === "hbar" && valued ? 44 : chart.kind === "waterfall" ? 52 : chart.x.scale === "category" ? 14 : Math.max(14, half + 2)));
  const sx = makeScale(chart.x, left, right);
  const xl = xLabels(sx, width);
  const top = chart.flip && chart.references.length ? 38 : 26;
  const tall = rows ? Math.max(rows * Math.max(lane, chart.kind === "swarm" ? 0 : (close ? 13 : 15) * lanes) + top + xl.height + 30, 140) : height;
  const box = { left, right, top, bottom: tall - xl.height - 28, width, height: tall };
  const sy = makeScale(chart.y, box.bottom, box.top);
  const root = svg("svg", { class: "ty-svg", role: "img", "aria-label": chart.alt, viewBox: `0 0 ${width} ${tall}`, width, height: tall });
  const [clip, tight] = [uid("clip"), uid("clip")];
  root.append(svg("defs", {}, fills.map((id, role) => hatch(id, role)), svg("clipPath", { id: clip }, svg("rect", { x: box.left - 6, y: box.top - 8, width: box.right - box.left + 12, height: box.bottom - box.top + 16 })),
    svg("clipPath", { id: tight }, svg("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }))));
  root.append(drawAxes(chart, sx, sy, box, xl));
  const inside = svg("g", { "clip-path": `url(#${clip})` });
  const context = { sx, sy, kind: chart.kind, flip: chart.flip, fills, tight, room: valued };
  let hits = null, direct = false;
  if (isLine(chart.kind)) {
    const drawn = chart.series.map((s, i) => drawLine(s, i, context));
    inside.append(...drawn.map((d) => d.node));
    const at = ends && drawn.every((d) => d.last) ? dodge(drawn.map((d) => d.last[1]), 15, box.top, box.bottom) : null;
    direct = at !== null;
    if (direct) chart.series.forEach((s, i) => root.append(
      svg("path", { d: marker(s)(box.right + 11, at[i], 4), style: `fill:${color(s.color)}` }), svg("text", { x: box.right + 19, y: at[i], dy: "0.35em", class: "ty-strong" }, s.name)));
    root.append(inside);
  } else {
    const drawn = chart.kind === "waterfall" ? drawSteps(chart, context) : drawMarks(chart, context);
    hits = drawn.hits;
    inside.append(drawn.node);
    if (isBar(chart.kind) || chart.kind === "waterfall") root.append(drawn.node); else root.append(inside);
  }
  root.append(drawReference(chart, sx, sy, box));
  if (!chart.series.some((s) => s.points.length)) root.append(svg("text", { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, "text-anchor": "middle", class: "ty-strong ty-halo" }, "No data"));
  return { root, box, sx, sy, hits, direct };
}

function nearest(chart, drawn, mx, my) {
  if (drawn.hits) {
    let best = null, far = 28 ** 2;
    for (const hit of drawn.hits) {
      const d = (hit.px - mx) ** 2 + (hit.py - my) ** 2;
      const inBar = isBar(chart.kind) && Math.abs(chart.flip ? hit.py - my : hit.px - mx) < 9;
      if (d < far || (inBar && best === null)) { best = hit; far = Math.min(d, far); }
    }
    if (!best) return null;
    return { x: best.px, y: best.py, head: chart.flip ? best.p.place : `${chart.x.title}: ${best.p.place}`, items: [{ i: best.series, p: best.p }] };
  }
  const xs = new Set(chart.series.flatMap((s) => s.points.filter((p) => p.x !== null).map((p) => p.x)));
  let best = null;
  for (const x of xs) { const d = Math.abs(drawn.sx.at(x) - mx); if (best === null || d < best.d) best = { x, d }; }
  if (!best) return null;
  const items = chart.series.map((s, i) => ({ i, p: s.thin ? null : s.points.find((p) => p.x === best.x) })).filter((o) => o.p && o.p.y !== null);
  if (!items.length) return null;
  return { x: drawn.sx.at(best.x), y: drawn.sy.at(items[0].p.y), guide: true, head: `${chart.x.title}: ${items[0].p.place}`, items };
}

function tipText(chart, found, fills) {
  const axis = chart.flip ? chart.x : chart.y;
  const lines = found.items.map(({ i, p }) => {
    const between = p.low === null || p.high === null ? "" : ` (${p.between})`;
    const name = chart.series.length > 1 || !axis.title ? chart.series[i].name : axis.title;
    return h("div", { class: "ty-key" }, swatch(chart.kind, chart.series[i], fills), h("span", {}, `${name}: `, h("b", {}, p.text), between, p.said ? h("div", {}, p.said) : null));
  });
  return [h("div", { class: "ty-muted" }, found.head), ...lines];
}

// Series that are not named at their line; bars leave no room for the names of reference lines, so these stand here too.
function legendEntries(chart, direct, fills) {
  const dotted = () => svg("svg", { width: 24, height: 12, "aria-hidden": "true" }, svg("path", { d: "M0,6H24", class: "ty-ref" }));
  const once = new Set();
  const keys = [...chart.series.filter((s) => !s.thin && !s.colors.length), ...chart.series.filter((s) => s.thin && !once.has(s.name) && once.add(s.name))];
  const named = chart.series.length > 1 ? keys.length : 0;
  const entries = chart.legend.map((text, i) => h("li", {}, i < named ? swatch(chart.kind, keys[i], fills) : dotted(), text));
  return [...(direct ? entries.slice(named) : entries), ...(chart.levels ? [levelEntry(chart.levels)] : [])];
}

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const title = h("h3");
    let chart = null, drawn = null, waiting = 0, listed = false;
    const picture = () => pictureOf(figure, chart.title, [...legend.children]);
    const asTable = h("button", { type: "button", class: "ty-tool", "aria-pressed": "false" }, "Show as table");
    const files = tools([
      ["CSV", "Save the data as CSV", () => { saveCsv(chart.title, csvRows(chart)); }],
      ["PNG", "Save the picture as PNG", async () => { saveFile(fileName(chart.title, "png"), await pngOf(picture())); }],
      ["SVG", "Save the picture as SVG", () => { saveFile(fileName(chart.title, "svg"), new Blob([svgText(picture())], { type: "image/svg+xml" })); }],
      ["Copy", "Copy the picture", () => copyPicture(picture())],
    ]);
    files.prepend(asTable);
    const line = h("div", { class: "ty-titleline" }, title, files);
    const legend = h("ul", { class: "ty-legend", "aria-hidden": "true" });
    const area = h("div", { class: "ty-plot" });
    const tip = h("div", { class: "ty-tip", hidden: true, "aria-hidden": "true" });
    const data = h("div", { hidden: true });
    const figure = h("figure", { class: "ty-chart" }, line, legend, area, data);
    el.append(figure);
    const fills = Array.from({ length: 8 }, () => uid("fill"));
    const guide = svg("path", { class: "ty-axis" });

    const hide = () => { tip.hidden = true; guide.setAttribute("d", ""); };
    const fillTable = () => { if (listed && chart) data.replaceChildren(dataTable(chart)); };
    const turn = () => {
      listed = !listed;
      asTable.textContent = listed ? "Show as chart" : "Show as table";
      asTable.setAttribute("aria-pressed", String(listed));
      [data.hidden, area.hidden] = [!listed, listed];
      for (const button of [...files.children].slice(2)) button.hidden = listed;
      legend.hidden = listed || !legend.children.length;
      fillTable();
      if (!listed) later();
    };
    const draw = () => {
      waiting = 0;
      const raw = model.get("chart") || {};
      figure.hidden = !raw.kind;
      const width = Math.floor((listed ? figure : area).clientWidth);
      if (!raw.kind || width < 60) return;
      chart = readChart(raw);
      measureIn(figure);
      drawn = plot(chart, width, model.get("height"), fills);
      title.textContent = chart.title;
      drawn.root.append(guide);
      const entries = legendEntries(chart, drawn.direct, fills);
      legend.hidden = !entries.length || listed;
      legend.replaceChildren(...entries);
      const shownTip = !tip.hidden;
      area.replaceChildren(drawn.root, tip);
      if (shownTip) hide();
      fillTable();
    };
    const later = () => { waiting ||= requestAnimationFrame(draw); };

    area.addEventListener("pointermove", (event) => {
      if (!drawn) return;
      const at = area.getBoundingClientRect();
      const found = nearest(chart, drawn, event.clientX - at.left, event.clientY - at.top);
      if (!found) return hide();
      tip.replaceChildren(...tipText(chart, found, fills));
      tip.hidden = false;
      guide.setAttribute("d", found.guide ? `M${found.x},${drawn.box.top}V${drawn.box.bottom}` : "");
      const right = found.x + 14 + tip.offsetWidth <= at.width;
      const x = right ? found.x + 14 : Math.max(0, found.x - 14 - tip.offsetWidth);
      const y = Math.min(Math.max(0, event.clientY - at.top - tip.offsetHeight - 8), Math.max(0, at.height - tip.offsetHeight));
      tip.style.transform = `translate(${x}px,${y}px)`;
    });
    area.addEventListener("pointerleave", hide);
    asTable.addEventListener("click", turn);
    const sizes = new ResizeObserver(later);
    sizes.observe(area);
    const stop = watch(model, ["chart", "height"], later);
    later();
    return () => { stop(); sizes.disconnect(); cancelAnimationFrame(waiting); };
  },
};
