// The same data as a table, for the keyboard, a screen reader, or copying.
const MOST_ROWS = 400;

function together(chart) {
  const first = chart.series[0];
  const key = chart.flip ? "y" : "x";
  return chart.series.every((s) => s.points.length === first.points.length && s.points.every((p, i) => p[key] === first.points[i][key]));
}

function tableRows(whole) {
  const chart = { ...whole, series: whole.series.filter((s) => !s.thin) };
  const told = chart.series.some((s) => s.remarks.length);
  const [pos, val] = chart.flip ? [chart.y, chart.x] : [chart.x, chart.y];
  const banded = chart.series.some((s) => s.banded);
  const alone = chart.series.length === 1;
  if (chart.series.length && together(chart) && !told) {
    const heads = [pos.title, ...chart.series.flatMap((s) => {
      const name = alone ? val.title : s.name;
      return s.banded ? [name, alone ? "Interval" : `${s.name}: interval`] : [name];
    })];
    const rows = chart.series[0].points.map((p, i) => [p.place, ...chart.series.flatMap((s) => (s.banded ? [s.points[i].text, s.points[i].between] : [s.points[i].text]))]);
    return { heads, rows };
  }
  const heads = ["Series", pos.title, val.title, ...(banded ? ["Interval"] : []), ...(told ? ["Point"] : [])];
  const rows = chart.series.flatMap((s) => s.points.map((p) => [s.name, p.place, p.text, ...(banded ? [p.between] : []), ...(told ? [p.said] : [])]));
  return { heads, rows };
}

function dataTable(chart) {
  if (!chart.series.length) return h("p", { class: "ty-help" }, "No data.");
  const { heads, rows } = tableRows(chart);
  const text = chart.series.length > 1 && !together(chart) ? 1 : 0;
  const numeric = (j) => (j > text || (j === text && (chart.flip ? chart.y : chart.x).scale !== "category") ? "ty-num" : null);
  const body = rows.slice(0, MOST_ROWS).map((row) => h("tr", {}, row.map((cell, j) => h(j ? "td" : "th", { class: numeric(j), scope: j ? null : "row" }, cell))));
  const box = h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": `Data of: ${chart.title}` },
    h("table", { class: "ty-table" }, h("caption", { class: "ty-hidden" }, chart.title),
      h("thead", {}, h("tr", {}, heads.map((head, j) => h("th", { scope: "col", class: numeric(j) }, head)))), h("tbody", {}, body)));
  const thin = chart.series.filter((s) => s.thin).length;
  const lines = chart.references.map((line) => `Reference line ${line.text}.`);
  if (thin) lines.push(`${thin} thin lines of single rows are left out.`);
  if (rows.length > MOST_ROWS) lines.push(`Showing ${MOST_ROWS} of ${rows.length.toLocaleString("en-US")} rows.`);
  return h("div", { class: "ty-block" }, box, lines.length ? h("p", { class: "ty-help" }, lines.join(" ")) : null);
}

// The numbers themselves, one line a point, for a spreadsheet.
function csvRows(chart) {
  const [pos, val] = chart.flip ? [chart.y, chart.x] : [chart.x, chart.y];
  const banded = chart.series.some((s) => s.banded);
  const place = (p) => (pos.scale === "category" ? p.place : p[chart.flip ? "y" : "x"]);
  const value = (p) => (val.scale === "category" ? p.text : p[chart.flip ? "x" : "y"]);
  const head = ["Series", pos.title, val.title, ...(banded ? ["low", "high"] : [])];
  return [head, ...chart.series.flatMap((s) => s.points.map((p) => [s.name, place(p), value(p), ...(banded ? [p.low, p.high] : [])]))];
}
