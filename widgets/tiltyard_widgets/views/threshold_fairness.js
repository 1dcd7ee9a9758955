// Fairness by hand: a threshold for each group, and the gaps between groups that follow from them, in the page.
const FAIR_RATES = [["selection", "Selection rate", "Share of the group that is given the favorable outcome"], ["recall", "True positive rate", "Of those for whom the favorable outcome is right, the share that is given it"], ["fpr", "False positive rate", "Of the others, the share that is given it"], ["precision", "Precision", "Of those given it, the share for whom it is right"], ["accuracy", "Accuracy", "Share of the group that is decided rightly"]];
const GAPS = [["parity", "Demographic parity", "gap in selection rates"], ["chance", "Equal opportunity", "gap in true positive rates"], ["odds", "Equalized odds", "the larger of the gaps in true and false positive rates"], ["precision", "Predictive parity", "gap in precision"], ["accuracy", "Accuracy", "gap in accuracy"]];

function gapTable(facts, groups) {
  const own = gapsOf(ownCounts(facts).map(measured), facts.smallest);
  const row = ([key, label, help]) => {
    const now = twoLines(), ratio = h("td", { class: "ty-num" }), between = h("td", {});
    return { key, now, ratio, between, node: h("tr", {}, h("th", { scope: "row" }, label, h("span", { class: "ty-help" }, help)), now.node, ratio, between, h("td", { class: "ty-num" }, points(own[key].value))) };
  };
  const lines = GAPS.map(row);
  const node = h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": "Gaps between groups" }, h("table", { class: "ty-table ty-steady" }, h("caption", { class: "ty-hidden" }, "Gaps between groups"),
    h("thead", {}, h("tr", {}, ["Criterion", "Difference", "Ratio", "Farthest apart", "As the model decides"].map((head, j) => h("th", { scope: "col", class: j && j !== 3 ? "ty-num" : null }, head)))), h("tbody", {}, lines.map((l) => l.node))));
  const move = (gaps) => { for (const l of lines) {
    const g = gaps[l.key];
    l.now.put(points(g.value), g.value === null ? "too few rows" : `${(100 * g.low).toFixed(1)} to ${(100 * g.high).toFixed(1)}`);
    l.ratio.textContent = g.ratio === null || g.ratio === undefined ? "–" : g.ratio.toFixed(2);
    l.between.textContent = g.value === null ? "–" : `${groups[g.top]} and ${groups[g.bottom]}`;
  } };
  return { node, move };
}

function confusionTable(name, rest, groups, sizes) {
  const lines = groups.map((group, g) => {
    const cells = ["tp", "fn", "fp", "tn"].map((key) => ({ key, node: h("td", { class: "ty-num" }) }));
    return { cells, node: h("tr", {}, h("th", { scope: "row" }, group), h("td", { class: "ty-num" }, whole(sizes[g])), cells.map((c) => c.node)) };
  });
  const heads = ["Group", "n", `truly ${name}, given it`, `truly ${name}, not given`, `truly ${rest}, given ${name}`, `truly ${rest}, not given`];
  const node = h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": "Confusion by group" }, h("table", { class: "ty-table" }, h("caption", { class: "ty-hidden" }, "Confusion by group"), h("thead", {}, h("tr", {}, heads.map((head, j) => h("th", { scope: "col", class: j ? "ty-num" : null }, head)))), h("tbody", {}, lines.map((l) => l.node))));
  return { node, move: (counts) => lines.forEach((l, g) => { for (const c of l.cells) c.node.textContent = whole(counts[g][c.key]); }) };
}

function fairnessPage(model, el) {
  const facts = model.get("facts"), cells = cellsOf(model), name = `'${facts.name}'`, rest = `'${facts.rest}'`, groups = facts.groups.map((g) => g || "(no name)");
  const sizes = cells.groups.map((pair) => pair[0].n + pair[1].n), count = groups.length;
  const given = model.get("thresholds");
  const state = { by: given.length === count ? [...given] : groups.map(() => facts.own_threshold ?? 0.5) };
  const looks = groups.map((_, g) => ({ role: 1 + (g % 6), dash: ["", "7 4", "2 3", "10 3 2 3"][g % 4] }));
  const drawn = groups.map((_, g) => g).filter((g) => sizes[g] >= facts.smallest && cells.groups[g].every((part) => part.n)).slice(0, 8);
  const roc = rocOf(drawn.map((g) => ({ name: groups[g], points: pointsOf(cells, cells.groups[g], 200), ...looks[g] })), "ROC curve by group");
  const calibration = calibrationOf(drawn.map((g) => ({ name: groups[g], bins: calibrated(cells, cells.groups[g], 8), ...looks[g] })), name, "Calibration by group");
  const rows = FAIR_RATES.map(([key, label, help]) => ({ key, chart: rateRows(label, groups, help) }));
  const gaps = gapTable(facts, groups), confusion = confusionTable(name, rest, groups, sizes), now = h("p", { class: "ty-now" }), live = h("p", { class: "ty-hidden", role: "status" });
  const own = ownCounts(facts).map(measured);
  const wordsOf = (g) => (t) => `${shownThreshold(t)}, ${name} for ${pct(measuredSelection(cells.groups[g], t))} of ${groups[g]}`;
  const measuredSelection = (pair, t) => { const c = countsAt(cells, pair, t); return (c.tp + c.fp) / Math.max(1, c.tp + c.fp + c.tn + c.fn); };
  const keep = () => { model.set("thresholds", [...state.by]); model.save_changes(); live.textContent = now.textContent; };
  const shares = groups.map(() => h("span", { class: "ty-num ty-count" }));
  const sliders = groups.map((group, g) => thresholdSlider({ label: `Threshold of ${group}: ${name} from this score on`, value: state.by[g], place: (t) => t, back: (p) => p, words: wordsOf(g), moved: (t) => { state.by[g] = t; frame.later(); }, rested: keep }));
  const all = thresholdSlider({ label: `One threshold for all groups: ${name} from this score on`, value: facts.own_threshold ?? 0.5, place: (t) => t, back: (p) => p, words: (t) => shownThreshold(t), moved: (t) => { state.by = groups.map(() => t); for (const s of sliders) s.put(t); frame.later(); }, rested: keep });
  const reset = button("As the model decides", () => { state.by = groups.map(() => facts.own_threshold); for (const s of [...sliders, all]) s.put(facts.own_threshold); frame.later(); keep(); });
  reset.hidden = facts.own_threshold === null;
  // To each group the threshold at which it is selected as often as all are now.
  const level = button("Equal selection rates", () => {
    const share = shareAtAll(cells, state.by);
    state.by = cells.groups.map((pair) => shareThreshold({ ...cells, total: pair }, share));
    sliders.forEach((s, g) => s.put(state.by[g]));
    frame.later();
    keep();
  });
  level.title = "To each group the threshold at which it is selected as often as all are now";
  const use = button("Use these thresholds", () => model.send({ event: "use", thresholds: state.by }), "ty-primary");
  use.disabled = Boolean(facts.cannot);
  use.title = facts.cannot || "Makes a model with these thresholds, measures it, and records it; the group must be among what the model is given";

  const move = () => {
    const counts = cells.groups.map((pair, g) => countsAt(cells, pair, state.by[g])), parts = counts.map(measured), found = gapsOf(parts, facts.smallest);
    gaps.move(found);
    confusion.move(counts);
    rows.forEach(({ key, chart }) => chart.move(parts.map((p) => compared(p[key], facts.smallest)), gapWords(gapOf(parts, key, facts.smallest), groups)));
    parts.forEach((p, g) => { shares[g].textContent = `${pct(p.selection.value)} of ${whole(sizes[g])}`; });
    roc.move({ said: "The mark is each group at its threshold.", alt: `ROC curve by group: ${drawn.map((g) => `${groups[g]} recall ${pct(parts[g].recall.value)}, false positive rate ${pct(parts[g].fpr.value)}`).join("; ")}`, marks: drawn.map((g) => ({ x: parts[g].fpr.value, y: parts[g].recall.value, role: looks[g].role })) });
    calibration.move({ said: `Where the lines part, one score of ${name} means different things.` });
    const g = found.parity, right = sumCounts(counts);
    const accuracy = measured(right).accuracy, before = measured(sumCounts(ownCounts(facts))).accuracy;
    const widest = g.value === null ? "Fewer than two groups are large enough to compare" : `The favorable outcome ${name} goes to ${pct(parts[g.top].selection.value)} of ${groups[g.top]} and ${pct(parts[g.bottom].selection.value)} of ${groups[g.bottom]}: a demographic parity difference of ${points(g.value)} (${(100 * g.low).toFixed(1)} to ${(100 * g.high).toFixed(1)})`;
    now.textContent = `${widest}. ${pct(accuracy.value)} of ${whole(accuracy.n)} ${facts.known} are decided rightly (${span(accuracy)}); as the model decides, ${pct(before.value)}.`;
    for (const part of [roc, calibration, ...rows.map((r) => r.chart)]) part.fill();
  };
  const charts = new Map();
  const frame = onceAFrame(move, charts);
  const line = (text, s, last, extra) => [h("label", {}, text, extra), s.range, s.box, last];
  const small = (g) => (sizes[g] < facts.smallest ? h("span", { class: "ty-help" }, ` under ${facts.smallest} rows, not compared`) : null);
  const bar = h("div", { class: count > 3 ? "ty-bar ty-long" : "ty-bar" }, h("b", {}, `Favorable outcome ${name} from a score of`),
    h("div", { class: "ty-bygroup" }, line("All groups", all, h("span", { class: "ty-count" })), groups.flatMap((group, g) => line(group, sliders[g], shares[g], small(g)))),
    h("div", { class: "ty-barrow" }, reset, level, use), facts.cannot ? h("p", { class: "ty-help" }, facts.cannot) : null);
  for (const chart of [roc, calibration, ...rows.map((r) => r.chart)]) charts.set(chart.area, chart);
  el.replaceChildren(h("div", { class: "ty-thresholds" }, now, live, bar, gaps.node, h("div", { class: "ty-grid2" }, rows.map((r) => r.chart.node)), h("div", { class: "ty-grid2 ty-wider" }, roc.node, calibration.node), h("h3", {}, "Confusion by group"), confusion.node, h("p", { class: "ty-help ty-prose" }, facts.notes.join(" "))));
  measureIn(el);
  const stop = redrawing(el, charts);
  move();
  frame.rest();
  return () => { frame.stop(); stop(); };
}

function shareAtAll(cells, by) {
  const c = sumCounts(cells.groups.map((pair, g) => countsAt(cells, pair, by[g])));
  return (c.tp + c.fp) / (c.tp + c.fp + c.tn + c.fn);
}

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    let clear = () => {};
    const build = () => {
      clear();
      const facts = model.get("facts");
      el.replaceChildren();
      clear = facts.name === undefined ? () => {} : facts.fairness ? fairnessPage(model, el) : performancePage(model, el);
    };
    const stop = watch(model, ["facts"], build);
    build();
    return () => { stop(); clear(); };
  },
};
