// The curves of one set of rows that a threshold lies on: ROC, precision-recall, calibration, gain, lift, cost, scores.
const share = (low, high, label) => ({ label, low, high });
const at = (p) => shownThreshold(Math.min(p.threshold, 1));
const capped = (p) => (Number.isFinite(p.threshold) ? p.threshold : 1);
const few = (list, most = 60) => list.filter((_, i) => i % Math.ceil(list.length / most) === 0);

function rocOf(curves, title, own) {
  const lines = curves.map(({ name, points: found, role, dash }) => ({ name, role, dash, at: found.map((p) => [p.fp / (p.fp + p.tn || 1), p.tp / (p.tp + p.fn || 1)]) }));
  lines.push({ name: "", role: null, dash: "3 4", thin: true, at: [[0, 0], [1, 1]] });
  return curveChart({ title, x: share(0, 1, "False positive rate"), y: share(0, 1, "Recall (true positive rate)"), lines, pins: own,
    heads: ["Curve", "Threshold", "False positive rate", "Recall"],
    rows: () => curves.flatMap((c) => few(c.points).map((p) => [c.name || "model", at(p), pct(p.fp / (p.fp + p.tn || 1)), pct(p.tp / (p.tp + p.fn || 1))])) });
}

function precisionRecall(found, base, title, own) {
  const real = found.filter((p) => p.tp + p.fp > 0);
  const lines = [{ name: "model", role: 1, at: real.map((p) => [p.tp / (p.tp + p.fn || 1), p.tp / (p.tp + p.fp)]) }, { name: "answering all", role: null, dash: "3 4", thin: true, at: [[0, base], [1, base]] }];
  return curveChart({ title, x: share(0, 1, "Recall"), y: share(0, 1, "Precision"), lines, pins: own, heads: ["Threshold", "Recall", "Precision"],
    rows: () => few(real).map((p) => [at(p), pct(p.tp / (p.tp + p.fn || 1)), pct(p.tp / (p.tp + p.fp))]) });
}

function calibrationOf(curves, name, title) {
  const lines = curves.map((c) => ({ name: c.name, role: c.role, dash: c.dash, dots: true, at: c.bins.map((b) => [b.score, b.value]), ends: c.bins.map((b) => [b.low, b.high]) }));
  lines.push({ name: "", role: null, dash: "3 4", thin: true, at: [[0, 0], [1, 1]] });
  return curveChart({ title, x: { ...share(0, 1, `Score of ${name}`), text: (v) => v.toFixed(2) }, y: share(0, 1, `Share that is ${name}`), lines,
    heads: ["Curve", "Mean score", "Share", "from", "to", "n"],
    rows: () => curves.flatMap((c) => c.bins.map((b) => [c.name || "model", b.score.toFixed(3), pct(b.value), pct(b.low), pct(b.high), whole(b.n)])) });
}

function gainOf(found, base) {
  const all = (p) => (p.tp + p.fp) / (p.tp + p.fp + p.tn + p.fn);
  const lines = [{ name: "model", role: 1, at: found.map((p) => [all(p), p.tp / (p.tp + p.fn || 1)]) }, { name: "perfect", role: 3, dash: "7 4", thin: true, at: [[0, 0], [base, 1], [1, 1]] }, { name: "by chance", role: null, dash: "3 4", thin: true, at: [[0, 0], [1, 1]] }];
  return curveChart({ title: "Gain", x: share(0, 1, "Share of rows given it"), y: share(0, 1, "Share of the class that is found"), lines, heads: ["Threshold", "Share of rows", "Found"],
    rows: () => few(found).map((p) => [at(p), pct(all(p)), pct(p.tp / (p.tp + p.fn || 1))]) });
}

function liftOf(found, base) {
  const all = (p) => (p.tp + p.fp) / (p.tp + p.fp + p.tn + p.fn);
  const real = found.filter((p) => p.tp + p.fp >= 10);
  const lifts = real.map((p) => p.tp / (p.tp + p.fp) / base);
  const lines = [{ name: "model", role: 1, at: real.map((p, i) => [all(p), lifts[i]]) }, { name: "by chance", role: null, dash: "3 4", thin: true, at: [[0, 1], [1, 1]] }];
  return curveChart({ title: "Lift", x: share(0, 1, "Share of rows given it"), y: { ...share(0, Math.max(1.5, ...lifts) * 1.05, "Times the share among all rows"), text: (v) => `${plainNumber(v)} ×` }, lines, heads: ["Threshold", "Share of rows", "Lift"],
    rows: () => few(real).map((p, i) => [at(p), pct(all(p)), `${plainNumber(p.tp / (p.tp + p.fp) / base)} ×`, i].slice(0, 3)) });
}

// On a square-root scale, since most scores of a rare class lie in one bin.
function scoresOf(bins, names) {
  const most = Math.max(...bins.map((b) => Math.max(...b)), 1), count = bins[0].length;
  const outline = (b) => Array.from(b).flatMap((n, i) => [[i / count, Math.sqrt(n)], [(i + 1) / count, Math.sqrt(n)]]);
  const lines = [1, 0].map((truth) => ({ name: `truly ${names[truth ? 0 : 1]}`, role: truth ? 2 : 1, thin: true, filled: true, dash: truth ? "" : "7 4", at: outline(bins[truth]) }));
  const ticks = [0, 1 / 16, 1 / 4, 9 / 16, 1].map((part) => Math.sqrt(Number((part * most).toPrecision(part * most < 10 ? 1 : 2))));
  const rows = { low: 0, high: Math.sqrt(most) * 1.08, label: "Rows (square-root scale)", ticks: [...new Set(ticks)], text: (v) => whole(v * v) };
  return curveChart({ title: `Scores of ${names[0]}`, x: { ...share(0, 1, `Score of ${names[0]}`), text: (v) => v.toFixed(2) }, y: rows, lines, heads: ["Score from", "to", `truly ${names[0]}`, `truly ${names[1]}`],
    rows: () => Array.from(bins[1]).map((n, i) => [(i / count).toFixed(3), ((i + 1) / count).toFixed(3), whole(n), whole(bins[0][i])]) });
}

function costCurve(found, costs, n) {
  const prices = found.map((p) => costOf(p, costs) / n);
  const line = { name: "", role: 2, at: found.map((p, i) => [capped(p), prices[i]]).reverse() };
  return curveChart({ title: "Cost of the errors, a row", x: { ...share(0, 1, "Threshold"), text: (v) => v.toFixed(2) }, y: { ...share(0, Math.max(...prices, 1e-9) * 1.05, "Mean cost of a row"), text: plainNumber }, lines: [line], heads: ["Threshold", "Cost a row"],
    rows: () => few(found).map((p) => [at(p), plainNumber(costOf(p, costs) / n)]) });
}
