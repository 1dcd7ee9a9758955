// The same data as a table, for the keyboard, a screen reader, or copying.
const MOST_ROWS = 400;

function together(chart) {
  const first = chart.series[0];
  const key = chart.flip ? "y" : "x";
  return chart.series.every((s) => s.points.length === first.points.length && s.points.every((p, i) => p[key] === first.points[i][key]));
}

const spread = (axis, p) => (p.low === null || p.high === null ? "–" : `${shown(axis, p.low, 4)} to ${shown(axis, p.high, 4)}`);

function tableRows(chart) {
  const [pos, val, pk, vk] = chart.flip ? [chart.y, chart.x, "y", "x"] : [chart.x, chart.y, "x", "y"];
  const banded = chart.series.some((s) => s.banded);
  const alone = chart.series.length === 1;
  if (together(chart)) {
    const heads = [axisTitle(pos), ...chart.series.flatMap((s) => {
      const name = alone ? axisTitle(val) : s.name;
      return s.banded ? [name, alone ? "Interval" : `${s.name}: interval`] : [name];
    })];
    const rows = chart.series[0].points.map((p, i) => [shown(pos, p[pk], 4), ...chart.series.flatMap((s) => {
      const q = s.points[i];
      return s.banded ? [shown(val, q[vk], 4), spread(val, q)] : [shown(val, q[vk], 4)];
    })]);
    return { heads, rows };
  }
  const heads = ["Series", axisTitle(pos), axisTitle(val), ...(banded ? ["Interval"] : [])];
  const rows = chart.series.flatMap((s) => s.points.map((p) => [s.name, shown(pos, p[pk], 4), shown(val, p[vk], 4), ...(banded ? [spread(val, p)] : [])]));
  return { heads, rows };
}

function dataTable(chart) {
  if (!chart.series.length) return h("p", { class: "ty-help" }, "No data.");
  const { heads, rows } = tableRows(chart);
  const text = chart.series.length > 1 && !together(chart) ? 1 : 0;
  const numeric = (j) => (j > text || (j === text && !(chart.flip ? chart.y : chart.x).categories.length) ? "ty-num" : null);
  const body = rows.slice(0, MOST_ROWS).map((row) => h("tr", {}, row.map((cell, j) => h(j ? "td" : "th", { class: numeric(j), scope: j ? null : "row" }, cell))));
  const box = h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": `Data of: ${chart.title}` },
    h("table", { class: "ty-table" }, h("caption", { class: "ty-hidden" }, chart.title),
      h("thead", {}, h("tr", {}, heads.map((head, j) => h("th", { scope: "col", class: numeric(j) }, head)))), h("tbody", {}, body)));
  const lines = chart.reference.map(([label, value]) => `Reference line ${label}: ${written(value, 4)}.`);
  if (rows.length > MOST_ROWS) lines.push(`Showing ${MOST_ROWS} of ${rows.length.toLocaleString("en-US")} rows.`);
  return h("div", { class: "ty-block" }, box, lines.length ? h("p", { class: "ty-help" }, lines.join(" ")) : null);
}
