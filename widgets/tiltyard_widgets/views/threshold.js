// The performance page: one threshold, and everything that follows from it, in the page.
const MEASURES = [["accuracy", "Accuracy"], ["balanced", "Balanced accuracy"], ["recall", "Recall"], ["precision", "Precision"], ["f1", "F1"], ["fpr", "False positive rate"], ["selection", "Share given it"]];
const BY_GROUP = [["selection", "Share given it"], ["recall", "Recall"], ["precision", "Precision"], ["fpr", "False positive rate"]];

function cellsOf(model) {
  const part = (name, Kind) => bytesOf(model.get(name), Kind);
  return readCells(part("scores", Float64Array), part("rank", Uint32Array), part("code", Uint32Array), part("count", Uint32Array), model.get("facts").groups.length);
}
const ownCounts = (facts) => facts.own.map(([[tn, fp], [fn, tp]]) => ({ tn, fp, fn, tp }));
const compared = (rate, smallest) => ({ ...rate, compared: rate.n >= smallest });

// A cell with a number and its interval under it; only their texts change, so that the table is not laid out anew.
function twoLines() {
  const [above, under] = [h("b", {}, "–"), h("span", { class: "ty-help" }, "–")];
  const set = (node, text) => { if (node.textContent !== text) node.firstChild.data = text; };
  return { node: h("td", { class: "ty-num ty-wide" }, above, under), put: (number, interval) => { set(above, number); set(under, interval || NB); } };
}

function measuresTable(facts) {
  const row = ([key, label]) => {
    const now = twoLines(), own = h("td", { class: "ty-num ty-wide" });
    return { key, now, own, node: h("tr", {}, h("th", { scope: "row" }, label), now.node, own, h("td", { class: "ty-num" }, facts.baseline[key] === undefined ? "–" : pct(facts.baseline[key]))) };
  };
  const lines = MEASURES.map(([key, label]) => row([key, key === "selection" ? `Share given '${facts.name}'` : label]));
  const node = h("div", { class: "ty-tablebox", tabindex: 0, role: "region", "aria-label": "Measures" }, h("table", { class: "ty-table ty-steady" }, h("caption", { class: "ty-hidden" }, "Measures at the threshold, with intervals of 95 %"),
    h("thead", {}, h("tr", {}, ["Measure", "At this threshold", "As the model decides", `Always ${facts.commonest}`].map((head, j) => h("th", { scope: "col", class: j ? "ty-num" : null }, head)))), h("tbody", {}, lines.map((l) => l.node))));
  const own = measured(sumCounts(ownCounts(facts)));
  for (const l of lines) l.own.textContent = pct(own[l.key].value);
  const move = (found) => { for (const l of lines) { const r = found[l.key]; l.now.put(pct(r.value), `${span(r)}${span(r) ? "; " : ""}n${NB}=${NB}${whole(r.n)}`); } };
  return { node, move };
}

function performancePage(model, el) {
  const facts = model.get("facts"), cells = cellsOf(model), name = `'${facts.name}'`, rest = `'${facts.rest}'`, n = cells.total[0].n + cells.total[1].n;
  const found = pointsOf(cells, cells.total), base = cells.total[1].n / n, own = sumCounts(ownCounts(facts)), groups = facts.groups.map((g) => g || "(no name)");
  const state = { t: model.get("threshold"), costs: model.get("costs"), by: model.get("by") };
  const pin = (x, y) => [{ x, y, name: "as the model decides" }];
  const ownRates = measured(own);
  const roc = rocOf([{ name: "", points: found, role: 1 }], "ROC curve", pin(ownRates.fpr.value ?? 0, ownRates.recall.value ?? 0));
  const pr = precisionRecall(found, base, "Precision and recall", ownRates.precision.value === null ? [] : pin(ownRates.recall.value ?? 0, ownRates.precision.value));
  const bins = calibrated(cells, cells.total);
  const calibration = calibrationOf([{ name: "", bins, role: 1 }], name, `Calibration of ${name}`);
  const [gain, lift, scores] = [gainOf(found, base), liftOf(found, base || 1), scoresOf(histogram(cells, cells.total), [name, rest])];
  const matrix = confusionOf(name, rest), measures = measuresTable(facts), now = h("p", { class: "ty-now" });
  const live = h("p", { class: "ty-hidden", role: "status" }), money = h("p", { class: "ty-help" }), stops = h("div", { "aria-hidden": "true" });
  const rows = groups.length > 1 ? BY_GROUP.map(([key, label]) => ({ key, chart: rateRows(key === "selection" ? `Share given ${name}` : label, groups) })) : [];
  let cost = null, best = null;

  const place = (t) => (state.by === "share" ? 1 - shareAt(cells, t) : t);
  const back = (p) => (state.by === "share" ? shareThreshold(cells, 1 - p) : p);
  const slider = thresholdSlider({ label: `Threshold: ${name} from this score on`, value: state.t, place, back, words: (t) => `${shownThreshold(t)}, ${name} for ${pct(shareAt(cells, t))} of rows`,
    moved: (t) => { state.t = t; frame.later(); }, rested: (t) => { state.t = t; model.set("threshold", t); model.save_changes(); live.textContent = now.textContent; } });
  const jump = (t) => { state.t = t; slider.put(t); frame.later(); model.set("threshold", t); model.save_changes(); };
  const use = button("Use this threshold", () => model.send({ event: "use", threshold: state.t }), "ty-primary");
  const mine = button("As the model decides", () => jump(facts.own_threshold));
  mine.hidden = facts.own_threshold === null;
  const dear = button("Cheapest", () => jump(best.threshold));
  const rule = h("div", { class: "ty-rule ty-grow" }, slider.range, stops);
  const costBox = h("div", {});

  const move = () => {
    const c = countsAt(cells, cells.total, state.t), m = measured(c), price = costOf(c, state.costs) / n;
    matrix.move(c);
    measures.move(m);
    now.textContent = `From a score of ${shownThreshold(state.t)} on, ${name} is answered for ${pct(m.selection.value)} of ${whole(n)} ${facts.known}: it finds ${pct(m.recall.value)} of those that are (${span(m.recall) || "none are"}), and of its answers ${m.precision.value === null ? "there are none" : `${pct(m.precision.value)} are right (${span(m.precision)})`}.`;
    roc.move({ said: `${facts.ranks.roc_auc}. Here recall ${pct(m.recall.value)} at a false positive rate of ${pct(m.fpr.value)}.`, alt: `ROC curve; at the threshold recall ${pct(m.recall.value)}, false positive rate ${pct(m.fpr.value)}`, marks: [{ x: m.fpr.value, y: m.recall.value, role: 2 }] });
    pr.move({ said: `${facts.ranks.average_precision}. Here precision ${pct(m.precision.value)} at a recall of ${pct(m.recall.value)}.`, alt: `Precision and recall; at the threshold precision ${pct(m.precision.value)}, recall ${pct(m.recall.value)}`, marks: [{ x: m.recall.value, y: m.precision.value, role: 2 }] });
    calibration.move({ said: calibrationSaid(bins, state.t, name), alt: `Calibration of ${name}`, cut: state.t });
    const lifted = m.precision.value === null || !base ? null : m.precision.value / base;
    gain.move({ said: `${pct(m.selection.value)} of rows hold ${pct(m.recall.value)} of the class.`, marks: [{ x: m.selection.value, y: m.recall.value, role: 2 }] });
    lift.move({ said: lifted === null ? "Nobody is answered so." : `${lifted.toFixed(1)} times as many of the class as among all rows.`, marks: [{ x: m.selection.value, y: c.tp + c.fp >= 10 ? lifted : null, role: 2 }] });
    scores.move({ said: `Right of the line: ${whole(c.tp)} truly ${name}, ${whole(c.fp)} not.`, cut: state.t });
    cost.move({ said: `${plainNumber(price)} a row here, ${plainNumber(best.cost / n)} at ${shownThreshold(best.threshold)}.`, alt: `Cost of the errors; ${plainNumber(price)} a row at the threshold`, cut: state.t, marks: [{ x: state.t, y: price, role: 2 }, { x: best.threshold, y: best.cost / n, role: 3, marker: "diamond" }] });
    const parts = cells.groups.map((pair) => measured(countsAt(cells, pair, state.t)));
    for (const { key, chart } of rows) chart.move(parts.map((p) => compared(p[key], facts.smallest)), gapWords(gapOf(parts, key, facts.smallest), groups));
    const blocked = facts.cannot || (state.t > 0 && state.t < 1 ? "" : "A threshold lies above 0 and below 1.");
    use.disabled = Boolean(blocked) || state.t === facts.in_force;
    use.title = blocked || (use.disabled ? "This threshold is in force" : "Make the model decide so; the former stays in the history");
    for (const part of [roc, pr, calibration, gain, lift, scores, cost, ...rows.map((r) => r.chart)]) part.fill();
  };
  const charts = new Map();
  const frame = onceAFrame(move, charts);

  const mark = () => {
    const width = rule.clientWidth;
    if (width > 60) stops.replaceChildren(...stopsUnder([{ at: facts.own_threshold, text: `as the model decides, ${shownThreshold(facts.own_threshold ?? 0)}` }, { at: best.threshold, text: `cheapest, ${shownThreshold(best.threshold)}` }], place, width));
  };
  const priced = () => {
    best = cheapest(cells, cells.total, state.costs, state.t);
    cost = costCurve(found, state.costs, n);
    costBox.replaceChildren(cost.node);
    charts.set(costBox, cost);
    if (costBox.clientWidth > 60) { cost.resize(costBox.clientWidth); cost.see(true); }
    dear.textContent = `Cheapest (${shownThreshold(best.threshold)})`;
    money.textContent = `The smallest cost, ${plainNumber(best.cost / n)} a row, is at ${shownThreshold(best.threshold)}; it was chosen on these rows and may be dearer on others.`;
    mark();
  };
  for (const chart of [roc, pr, calibration, gain, lift, scores, ...rows.map((r) => r.chart)]) charts.set(chart.area, chart);
  const typed = (i) => (v) => { state.costs = state.costs.map((c, k) => (k === i ? v : c)); model.set("costs", state.costs); model.save_changes(); priced(); frame.later(); };
  const costs = h("div", { class: "ty-block" }, costField(`Cost of a wrong ${name} (false positive)`, state.costs[0], typed(0)), costField(`Cost of a missed ${name} (false negative)`, state.costs[1], typed(1)), h("div", {}, dear));
  const bar = h("div", { class: "ty-bar" }, h("div", { class: "ty-barrow" }, h("b", {}, `${name} from a score of`), slider.box, rule), h("div", { class: "ty-barrow" }, choiceOf("Move the slider by", [["by score", "score"], ["by share of rows", "share"]], state.by, (by) => { state.by = by; model.set("by", by); slider.again(); mark(); }), mine, use));
  const page = h("div", { class: "ty-thresholds" }, now, live, bar, h("div", { class: "ty-pair2" }, h("div", { class: "ty-column" }, matrix.node, scores.node), measures.node),
    h("div", { class: "ty-grid2" }, [roc, pr, calibration, gain, lift].map((c) => c.node)),
    rows.length ? h("h3", {}, `By ${facts.column}, at this threshold`) : null, rows.length ? h("div", { class: "ty-grid2" }, rows.map((r) => r.chart.node)) : null,
    h("h3", {}, "Costs of the two errors"), h("div", { class: "ty-pair2" }, h("div", { class: "ty-block" }, costs, money), costBox), h("p", { class: "ty-help ty-prose" }, facts.notes.join(" ")));
  el.replaceChildren(page);
  measureIn(page);
  priced();
  charts.set(rule, { resize: mark });
  const stop = redrawing(el, charts);
  move();
  frame.rest();
  return () => { frame.stop(); stop(); };
}

function calibrationSaid(bins, t, name) {
  const near = bins.reduce((a, b) => (a === null || Math.abs(b.score - t) < Math.abs(a.score - t) ? b : a), null);
  return near === null ? "Too few rows." : `Of rows with scores about ${near.score.toFixed(2)}, ${pct(near.value)} are ${name}.`;
}

function gapWords(gap, groups) {
  if (gap.value === null) return "Fewer than two groups are large enough to compare.";
  return gap.value === 0 ? "No gap between groups." : `Gap ${points(gap.value)} (${(100 * gap.low).toFixed(1)} to ${(100 * gap.high).toFixed(1)}): ${groups[gap.top]} and ${groups[gap.bottom]}.`;
}
