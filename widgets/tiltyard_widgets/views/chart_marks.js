// What stands in the plot: lines, bands, bars, points, whiskers; each series has a color, a dash, a marker and a hatch.
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "5 2 1 2", "14 4", "3 6"];
const MARKERS = [
  (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
  (x, y, r) => `M${x - r * 0.9},${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  (x, y, r) => `M${x},${y - r * 1.15}l${r * 1.1},${r * 2}h${-r * 2.2}z`,
  (x, y, r) => `M${x},${y - r * 1.25}l${r * 1.25},${r * 1.25}l${-r * 1.25},${r * 1.25}l${-r * 1.25},${-r * 1.25}z`,
  (x, y, r) => `M${x},${y + r * 1.15}l${r * 1.1},${-r * 2}h${-r * 2.2}z`,
  (x, y, r) => `M${x - r},${y - r * 0.4}h${r * 0.6}v${-r * 0.6}h${r * 0.8}v${r * 0.6}h${r * 0.6}v${r * 0.8}h${-r * 0.6}v${r * 0.6}h${-r * 0.8}v${-r * 0.6}h${-r * 0.6}z`,
  (x, y, r) => `M${x - r},${y - r * 0.5}h${r * 2}v${r}h${-r * 2}z`,
];
// Series that judge keep their color in every chart; others are told apart by their place.
const NEITHER = -1;
const TONES = { good: 0, bad: 1, neither: NEITHER };
const color = (i) => (i === NEITHER ? "var(--ty-edge)" : `var(--ty-${1 + (i % 7)})`);
const fillOf = (i) => (i === NEITHER ? 7 : i % 7);
// An eighth series has the first's color with another dash and marker.
const dash = (i) => (i === NEITHER ? DASHES[2] : DASHES[(i + 2 * Math.floor(i / 7)) % 7]);
const marker = (i) => (i === NEITHER ? MARKERS[0] : MARKERS[(i + 3 * Math.floor(i / 7)) % 7]);
const isLine = (kind) => kind === "line" || kind === "step";
const isBar = (kind) => kind === "bar" || kind === "hbar";

function hatch(id, i) {
  const angle = [0, 45, -45, 90, 0, 30, -30][Math.max(i, 0) % 7];
  return svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${angle})` },
    svg("rect", { width: 6, height: 6, style: `fill:${color(i)}` }),
    i > 0 && i % 7 ? svg("line", { x1: 0, y1: 0, x2: 0, y2: 6, style: "stroke:var(--ty-surface);stroke-width:2;stroke-opacity:.75" }) : null);
}

function swatch(kind, i, fills) {
  const box = svg("svg", { width: 24, height: 12, "aria-hidden": "true" });
  if (isBar(kind)) {
    box.append(svg("rect", { x: 2, y: 0, width: 20, height: 12, fill: `url(#${fills[fillOf(i)]})` }));
    return box;
  }
  if (isLine(kind)) box.append(svg("path", { d: "M0,6H24", style: `stroke:${color(i)};stroke-width:2.25;fill:none`, "stroke-dasharray": dash(i) || null }));
  box.append(svg("path", { d: marker(i)(12, 6, 4), style: `fill:${color(i)}` }));
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
  const out = svg("g");
  if (series.banded) out.append(svg("path", { d: bandPath(at("high"), at("low"), kind === "step"), style: `fill:${color(i)};fill-opacity:.16`, "clip-path": `url(#${tight})` }));
  out.append(svg("path", { d, style: `stroke:${color(i)};stroke-width:2.25;fill:none;stroke-linejoin:round;stroke-linecap:round`, "stroke-dasharray": dash(i) || null }));
  const real = points.filter(Boolean);
  if (real.length <= 24) out.append(svg("path", { d: real.map((p) => marker(i)(p[0], p[1], 3.5)).join(""), style: `fill:${color(i)}` }));
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

// Does no place hold bars of two series? Then each bar may take the whole width.
function apart(chart) {
  const places = chart.series.flatMap((s) => s.points.map((p) => (chart.flip ? p.y : p.x)));
  return isBar(chart.kind) && new Set(places).size === places.length;
}

// Bars and points: position on one axis, value with interval on the other; series stand side by side in a category.
function drawMarks(chart, { sx, sy, kind, flip, fills, room }) {
  const [pos, val] = flip ? [sy, sx] : [sx, sy];
  const count = apart(chart) ? 1 : chart.series.length;
  const side = isBar(kind) ? 0.76 : 0.5;
  const width = pos.band ? Math.min((pos.band * side) / count, isBar(kind) ? 64 : 18) : isBar(kind) ? 10 : 0;
  const out = svg("g");
  const hits = [];
  const base = val.at(val.axis.scale === "log" ? val.low : Math.min(Math.max(0, val.low), val.high));
  chart.series.forEach((series, i) => {
    const { look } = series;
    const shift = pos.band ? (Math.min(i, count - 1) - (count - 1) / 2) * width : 0;
    const whiskers = [];
    let marks = "";
    for (const p of series.points) {
      const [where, value] = flip ? [p.y, p.x] : [p.x, p.y];
      if (where === null || value === null) continue;
      const across = pos.at(where) + shift;
      const tip = val.at(value);
      const w = Math.max(width - 2, 2);
      if (kind === "bar") out.append(svg("rect", { x: across - w / 2, y: Math.min(tip, base), width: w, height: Math.max(Math.abs(base - tip), 0.5), fill: `url(#${fills[fillOf(look)]})` }));
      else if (kind === "hbar") out.append(svg("rect", { x: Math.min(tip, base), y: across - w / 2, width: Math.max(Math.abs(tip - base), 0.5), height: w, fill: `url(#${fills[fillOf(look)]})` }));
      else marks += flip ? marker(look)(tip, across, series.points.length > 300 ? 2.5 : 4.5) : marker(look)(across, tip, series.points.length > 300 ? 2.5 : 4.5);
      let far = tip;
      if (p.low !== null && p.high !== null) {
        const [a, b] = [val.at(p.low), val.at(p.high)];
        whiskers.push({ a, b, across, flat: flip });
        far = flip ? Math.max(a, b, tip) : Math.min(a, b, tip);
      }
      hits.push({ px: flip ? tip : across, py: flip ? across : tip, series: i, p });
      if (room && isBar(kind)) {
        const label = shown(val.axis, value);
        if (flip) out.append(svg("text", { x: Math.max(far, base) + 6, y: across, dy: "0.35em", class: "ty-strong ty-halo" }, label));
        else if (textWidth(label) <= pos.band / count + 4) out.append(barLabel(label, across, Math.min(tip, base), Math.min(far, base)));
      }
    }
    const stroke = isBar(kind) ? "" : `stroke:${color(look)}`;
    out.append(svg("path", { d: whiskerPath(whiskers, Math.min(4, width ? width / 2 : 4)), class: "ty-whisker", style: stroke }));
    if (marks) out.append(svg("path", { d: marks, style: `fill:${color(look)};${chart.dense ? "fill-opacity:.55" : "stroke:var(--ty-surface);stroke-width:.75"}` }));
  });
  return { node: out, hits };
}
