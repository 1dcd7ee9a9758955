// What stands in the plot: lines, bands, bars, points, whiskers; each series has a color, a dash, a marker and a hatch.
const MARKERS = {
  circle: (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
  square: (x, y, r) => `M${x - r * 0.9},${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  triangle: (x, y, r) => `M${x},${y - r * 1.15}l${r * 1.1},${r * 2}h${-r * 2.2}z`,
  diamond: (x, y, r) => `M${x},${y - r * 1.25}l${r * 1.25},${r * 1.25}l${-r * 1.25},${r * 1.25}l${-r * 1.25},${-r * 1.25}z`,
  wedge: (x, y, r) => `M${x},${y + r * 1.15}l${r * 1.1},${-r * 2}h${-r * 2.2}z`,
  plus: (x, y, r) => `M${x - r},${y - r * 0.4}h${r * 0.6}v${-r * 0.6}h${r * 0.8}v${r * 0.6}h${r * 0.6}v${r * 0.8}h${-r * 0.6}v${r * 0.6}h${-r * 0.8}v${-r * 0.6}h${-r * 0.6}z`,
  dash: (x, y, r) => `M${x - r},${y - r * 0.5}h${r * 2}v${r}h${-r * 2}z`,
};
// Role 0 judges neither way; the others are the palette's.
const color = (role) => (role ? `var(--ty-${role})` : "var(--ty-edge)");
const marker = (s) => MARKERS[s.marker];
const dash = (s) => s.dash.join(" ") || null;
const isLine = (kind) => kind === "line" || kind === "step";
const isBar = (kind) => kind === "bar" || kind === "hbar";

function hatch(id, role) {
  const angle = [0, 0, 45, -45, 90, 0, 30, -30][role];
  return svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${angle})` },
    svg("rect", { width: 6, height: 6, style: `fill:${color(role)}` }),
    role > 1 ? svg("line", { x1: 0, y1: 0, x2: 0, y2: 6, style: "stroke:var(--ty-surface);stroke-width:2;stroke-opacity:.75" }) : null);
}

function swatch(kind, s, fills) {
  const box = svg("svg", { width: 24, height: 12, "aria-hidden": "true" });
  if (isBar(kind) || kind === "waterfall") {
    box.append(svg("rect", { x: 2, y: 0, width: 20, height: 12, fill: `url(#${fills[s.color]})` }));
    return box;
  }
  if (s.thin) {
    box.append(svg("path", { d: "M0,4H24M0,8H24", style: `stroke:${color(0)};stroke-width:.8;fill:none` }));
    return box;
  }
  if (isLine(kind)) box.append(svg("path", { d: "M0,6H24", style: `stroke:${color(s.color)};stroke-width:2.25;fill:none`, "stroke-dasharray": dash(s) }));
  box.append(svg("path", { d: marker(s)(12, 6, 4), style: `fill:${color(s.color)}` }));
  return box;
}

function linePath(points, step) {
  let d = "", pen = false, last = null;
  for (const p of points) {
    if (p === null) { pen = false; continue; }
    if (!pen) d += `M${p[0].toFixed(1)},${p[1].toFixed(1)}`;
    else d += step ? `H${p[0].toFixed(1)}V${p[1].toFixed(1)}` : `L${p[0].toFixed(1)},${p[1].toFixed(1)}`;
    pen = true; last = p;
  }
  return { d, last };
}

function stepped(points) {
  return points.flatMap((p, i) => (i ? [[p[0], points[i - 1][1]], p] : [p]));
}

function bandPath(top, bottom, step) {
  const parts = [];
  let up = [], down = [];
  const close = () => {
    if (up.length > 1) {
      const [a, b] = step ? [stepped(up), stepped(down)] : [up, down];
      parts.push(`M${[...a, ...b.reverse()].map((p) => `${p[0].toFixed(1)},${p[1].toFixed(1)}`).join("L")}z`);
    }
    up = []; down = [];
  };
  top.forEach((p, i) => { if (p && bottom[i]) { up.push(p); down.push(bottom[i]); } else close(); });
  close();
  return parts.join("");
}

function drawLine(series, i, { sx, sy, kind, tight }) {
  const at = (key) => series.points.map((p) => (p.x === null || p[key] === null ? null : [sx.at(p.x), sy.at(p[key])]));
  const points = at("y");
  const { d, last } = linePath(points, kind === "step");
  const out = svg("g", { "data-series": i });
  if (series.thin) {
    out.append(svg("path", { d, style: `stroke:${color(0)};stroke-width:.8;stroke-opacity:.45;fill:none;stroke-linejoin:round` }));
    return { node: out, last };
  }
  if (series.banded) out.append(svg("path", { d: bandPath(at("high"), at("low"), kind === "step"), style: `fill:${color(series.color)};fill-opacity:.16`, "clip-path": `url(#${tight})` }));
  out.append(svg("path", { d, style: `stroke:${color(series.color)};stroke-width:2.25;fill:none;stroke-linejoin:round;stroke-linecap:round`, "stroke-dasharray": dash(series) }));
  const real = points.filter(Boolean);
  if (series.marked) out.append(svg("path", { d: real.map((p) => marker(series)(p[0], p[1], 3.5)).join(""), style: `fill:${color(series.color)}` }));
  return { node: out, last };
}

function whiskerPath(points, cap) {
  return points.map(({ a, b, across, flat }) =>
    flat ? `M${a},${across}H${b}M${a},${across - cap}v${2 * cap}M${b},${across - cap}v${2 * cap}` : `M${across},${a}V${b}M${across - cap},${a}h${2 * cap}M${across - cap},${b}h${2 * cap}`).join("");
}

// The value above its bar; beside the whisker where that is long, so that it is not read at the whisker's end.
function barLabel(label, across, top, far) {
  if (top - far < 26) return svg("text", { x: across, y: far - 5, "text-anchor": "middle", class: "ty-strong ty-halo" }, label);
  return svg("text", { x: across + 6, y: top - 5, class: "ty-strong ty-halo" }, label);
}

// Bars and points: position on one axis, value with interval on the other; series stand side by side in a category.
function drawMarks(chart, { sx, sy, kind, flip, fills, room }) {
  const [pos, val] = flip ? [sy, sx] : [sx, sy];
  const width = isBar(kind) ? Math.min(chart.width * pos.unit, 64) : 0;
  const out = svg("g");
  const hits = [];
  const base = val.at(val.axis.scale === "log" ? val.low : Math.min(Math.max(0, val.low), val.high));
  if (kind === "swarm" && val.low < 0 && val.high > 0) out.append(svg("path", { d: `M${base},${sy.at(sy.low)}V${sy.at(sy.high)}`, class: "ty-axis" }));
  chart.series.forEach((series, i) => {
    const part = svg("g", { "data-series": i });
    out.append(part);
    const whiskers = [], colored = coloredPoints(chart.dense);
    let marks = "";
    for (const p of series.points) {
      const [where, value] = flip ? [p.y, p.x] : [p.x, p.y];
      if (where === null || value === null) continue;
      const across = pos.at(where + series.shift);
      const tip = val.at(value);
      const w = Math.max(width - 2, 2);
      if (kind === "bar") part.append(svg("rect", { x: across - w / 2, y: Math.min(tip, base), width: w, height: Math.max(Math.abs(base - tip), 0.5), fill: `url(#${fills[series.color]})` }));
      else if (kind === "hbar") part.append(svg("rect", { x: Math.min(tip, base), y: across - w / 2, width: Math.max(Math.abs(tip - base), 0.5), height: w, fill: `url(#${fills[series.color]})` }));
      else if (series.colors.length) colored.add(series.colors[p.i], flip ? tip : across, flip ? across : tip);
      else marks += flip ? marker(series)(tip, across, chart.dense ? 2.5 : 4.5) : marker(series)(across, tip, chart.dense ? 2.5 : 4.5);
      let far = tip;
      if (p.low !== null && p.high !== null) {
        const [a, b] = [val.at(p.low), val.at(p.high)];
        whiskers.push({ a, b, across, flat: flip });
        far = flip ? Math.max(a, b, tip) : Math.min(a, b, tip);
      }
      hits.push({ px: flip ? tip : across, py: flip ? across : tip, series: i, p });
      if (room && isBar(kind)) {
        const label = p.text;
        if (flip) part.append(svg("text", { x: Math.max(far, base) + 6, y: across, dy: "0.35em", class: "ty-strong ty-halo" }, label));
        else if (textWidth(label) <= chart.width * pos.unit + 8) part.append(barLabel(label, across, Math.min(tip, base), Math.min(far, base)));
      }
    }
    const stroke = isBar(kind) ? "" : `stroke:${color(series.color)}`;
    part.append(svg("path", { d: whiskerPath(whiskers, Math.min(4, width ? width / 2 : 4)), class: "ty-whisker", style: stroke }));
    part.append(...colored.nodes());
    if (marks) part.append(svg("path", { d: marks, style: `fill:${color(series.color)};${chart.dense ? "fill-opacity:.55" : "stroke:var(--ty-surface);stroke-width:.75"}` }));
  });
  return { node: out, hits };
}
