// Points on one color scale, its legend, and the running steps of a waterfall.
const LEVELS = 11;
const levelColor = (level) => (level < 0 ? "var(--ty-edge)" : `var(--ty-level-${level})`);

// Points gathered by color, so that some thousand of them are a dozen elements.
function coloredPoints(dense) {
  const paths = new Map();
  return {
    add: (level, x, y) => paths.set(level, (paths.get(level) ?? "") + MARKERS.circle(x, y, dense ? 2.4 : 3.2)),
    nodes: () => [...paths].sort((a, b) => a[0] - b[0]).map(([level, d]) => svg("path", { d, "data-level": level, style: `fill:${levelColor(level)};stroke:var(--ty-surface);stroke-width:.3` })),
  };
}

function levelEntry({ label, low, high }) {
  const bar = svg("svg", { width: 99, height: 10, "aria-hidden": "true" });
  for (let i = 0; i < LEVELS; i++) bar.append(svg("rect", { x: i * 9, y: 0, width: 9.5, height: 10, style: `fill:${levelColor(i)}` }));
  return h("li", { class: "ty-levels" }, `${label}: ${low}`, bar, high);
}

// Bars from where the step before ended, each joined to the next; the two ends are marked.
function drawSteps(chart, { sx, sy, fills, room }) {
  const out = svg("g"), hits = [];
  const tall = Math.max(chart.width * sy.unit - 4, 4);
  chart.series.forEach((series, i) => {
    const part = svg("g", { "data-series": i });
    out.append(part);
    const whiskers = [];
    for (const p of series.points) {
      const [x, y] = [sx.at(p.x), sy.at(p.y)];
      hits.push({ px: x, py: y, series: i, p });
      if (!series.start.length) {
        part.append(svg("path", { d: MARKERS.diamond(x, y, 5), class: "ty-end" }), svg("text", { x: x + 10, y, dy: "0.35em", class: "ty-strong ty-halo ty-total" }, p.text));
        continue;
      }
      const from = sx.at(series.start[p.i]);
      part.append(svg("rect", { x: Math.min(from, x), y: y - tall / 2, width: Math.max(Math.abs(x - from), 0.5), height: tall, fill: `url(#${fills[series.color]})` }));
      part.append(svg("path", { d: `M${x},${y - tall / 2}V${y + sy.unit}`, class: "ty-axis" }));
      let far = Math.max(from, x);
      if (p.low !== null && p.high !== null) {
        whiskers.push({ a: sx.at(p.low), b: sx.at(p.high), across: y, flat: true });
        far = Math.max(far, sx.at(p.high));
      }
      if (room) part.append(svg("text", { x: far + 6, y, dy: "0.35em", class: "ty-strong ty-halo" }, p.text));
    }
    part.append(svg("path", { d: whiskerPath(whiskers, 4), class: "ty-whisker" }));
  });
  return { node: out, hits };
}
