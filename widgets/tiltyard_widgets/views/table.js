// A table that can be sorted, searched and taken along as CSV. The rows come as `markup.js` builds them; a cell's own number is in data-value.
const SEARCHED = 8;
const numberOf = (cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value));
const textOf = (cell) => [...cell.childNodes].filter((n) => !(n.classList?.contains("ty-hidden"))).map((n) => n.textContent).join("");
const contentOf = (cell) => numberOf(cell) ?? textOf(cell);
const ORDER = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compared(a, b) {
  const [x, y] = [contentOf(a), contentOf(b)];
  const [emptyX, emptyY] = [x === "–" || x === "", y === "–" || y === ""];
  if (emptyX || emptyY) return null;
  if (typeof x === "number" && typeof y === "number") return x - y;
  return ORDER.compare(String(x), String(y));
}

// Empty cells stay last whichever way is sorted.
function inOrder(rows, column, down) {
  const empty = (row) => ["–", ""].includes(String(contentOf(row.cells[column])));
  return [...rows].sort((a, b) => {
    if (empty(a) || empty(b)) return empty(a) - empty(b);
    return (down ? -1 : 1) * (compared(a.cells[column], b.cells[column]) ?? 0);
  });
}

function equip(block, model, state) {
  const table = block.querySelector("table.ty-table");
  const head = block.querySelector("h3");
  if (!table || !head) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const title = head.textContent;
  const kind = `${title}|${heads.map((cell) => cell.textContent).join("|")}`;
  if (state.kind !== kind) Object.assign(state, { kind, query: "", column: null, down: false });
  const missing = Number(table.dataset.missing || 0); // rows the kernel has and the page has not
  const count = h("span", { class: "ty-help", role: "status" });
  const show = () => {
    const wanted = state.query.trim().toLowerCase();
    const hits = rows.filter((row) => !wanted || [...row.cells].some((cell) => textOf(cell).toLowerCase().includes(wanted)));
    const sorted = state.column === null ? hits : inOrder(hits, state.column, state.down);
    body.replaceChildren(...sorted);
    heads.forEach((cell, j) => cell.setAttribute("aria-sort", j !== state.column ? "none" : state.down ? "descending" : "ascending"));
    heads.forEach((cell, j) => { cell.querySelector(".ty-arrow").textContent = j !== state.column ? "" : state.down ? " ↓" : " ↑"; });
    count.textContent = wanted ? `${sorted.length} of ${rows.length} rows` : "";
  };
  heads.forEach((cell, j) => {
    const button = h("button", { type: "button", class: "ty-sort", title: "Sort" }, [...cell.childNodes]);
    cell.replaceChildren(button, h("span", { class: "ty-arrow", "aria-hidden": "true" }));
    button.addEventListener("click", () => {
      const turn = state.column !== j ? [j, cell.classList.contains("ty-num")] : state.down === cell.classList.contains("ty-num") ? [j, !state.down] : [null, false];
      [state.column, state.down] = turn;
      show();
    });
  });
  const values = () => [heads.map((cell) => cell.querySelector(".ty-sort").textContent), ...[...body.rows].map((row) => [...row.cells].map((cell) => (textOf(cell) === "–" ? null : contentOf(cell))))];
  const entries = [
    ["CSV", `Save as CSV: ${title}`, () => { if (missing && !state.query) { model.send({ event: "csv", value: "" }); return; } saveCsv(title, values()); }],
    ["Copy", `Copy the table: ${title}`, () => copyText(values().map((row) => row.map((v) => v ?? "").join("\t")).join("\n"))],
  ];
  if (missing) entries.unshift(["All rows", `Show all rows of: ${title}`, () => { model.send({ event: "whole", value: "" }); }]);
  const line = h("div", { class: "ty-titleline" });
  head.replaceWith(line);
  line.append(head);
  if (rows.length + missing > SEARCHED) {
    const field = h("input", { type: "search", class: "ty-search", placeholder: "Search", "aria-label": `Search in: ${title}`, "data-key": "search" });
    field.value = state.query;
    field.addEventListener("input", () => {
      state.query = field.value;
      if (missing) model.send({ event: "whole", value: "" });
      show();
    });
    line.append(count, field);
  }
  line.append(tools(entries));
  show();
}

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const state = { kind: "", query: "", column: null, down: false };
    const draw = () => {
      const searching = document.activeElement?.dataset?.key === "search" && el.contains(document.activeElement);
      el.replaceChildren(...(model.get("tree") || []).map(build));
      for (const block of el.querySelectorAll(".ty-block")) equip(block, model, state);
      if (searching) { const field = el.querySelector(".ty-search"); field?.focus(); field?.setSelectionRange(field.value.length, field.value.length); }
    };
    const given = (content) => { if (content?.csv) saveCsv(content.title, content.csv); };
    model.on("msg:custom", given);
    draw();
    const stop = watch(model, ["tree"], draw);
    return () => { stop(); model.off("msg:custom", given); };
  },
};
