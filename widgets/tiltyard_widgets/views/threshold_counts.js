// What follows from a threshold: counts, rates, exact intervals, curves and costs. No element of the page is touched here.
const bytesOf = (view, Kind) => new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

// Cells by group and truth: sorted ranks and how many rows lie below each.
function readCells(scores, rank, code, count, groups) {
  const parts = Array.from({ length: groups }, () => [[], []]);
  for (let c = 0; c < rank.length; c++) parts[code[c] >> 1][code[c] & 1].push([rank[c], count[c]]);
  const summed = parts.map((pair) => pair.map((cells) => {
    const ranks = new Uint32Array(cells.length), below = new Float64Array(cells.length + 1);
    cells.sort((a, b) => a[0] - b[0]).forEach(([r, n], i) => { ranks[i] = r; below[i + 1] = below[i] + n; });
    return { ranks, below, n: below[cells.length] };
  }));
  return { scores, groups: summed, total: merged(summed) };
}

function merged(groups) {
  return [0, 1].map((truth) => {
    const all = new Map();
    for (const pair of groups) pair[truth].ranks.forEach((r, i) => all.set(r, (all.get(r) || 0) + pair[truth].below[i + 1] - pair[truth].below[i]));
    const ranks = Uint32Array.from([...all.keys()].sort((a, b) => a - b));
    const below = new Float64Array(ranks.length + 1);
    ranks.forEach((r, i) => { below[i + 1] = below[i] + all.get(r); });
    return { ranks, below, n: below[ranks.length] };
  });
}

function lowerBound(sorted, value) {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < value) from = middle + 1; else to = middle;
  }
  return from;
}

// Counts where the class is answered from the i-th distinct score on.
function countsFrom(pair, i) {
  const [no, yes] = pair.map((part) => part.n - part.below[lowerBound(part.ranks, i)]);
  return { tn: pair[0].n - no, fp: no, fn: pair[1].n - yes, tp: yes };
}
const countsAt = (cells, pair, threshold) => countsFrom(pair, lowerBound(cells.scores, threshold));
const sumCounts = (all) => all.reduce((a, b) => ({ tn: a.tn + b.tn, fp: a.fp + b.fp, fn: a.fn + b.fn, tp: a.tp + b.tp }), { tn: 0, fp: 0, fn: 0, tp: 0 });

// A threshold that is written with as few digits as tell two neighboring scores apart.
function shortBetween(low, high) {
  if (high === low) return high;
  for (let digits = 1; digits <= 15; digits++) {
    const unit = 10 ** digits;
    const tried = Math.floor(high * unit) / unit;
    if (tried > low && tried <= high) return tried;
  }
  return high;
}
function thresholdFrom(cells, i) {
  const m = cells.scores.length;
  if (i >= m) return shortBetween(cells.scores[m - 1], Math.max(1, cells.scores[m - 1]));
  return shortBetween(i ? cells.scores[i - 1] : cells.scores[0] > 0 ? 0 : -1, cells.scores[i]);
}

const RATES = {
  selection: (c) => [c.tp + c.fp, c.tp + c.fp + c.tn + c.fn],
  recall: (c) => [c.tp, c.tp + c.fn],
  fpr: (c) => [c.fp, c.fp + c.tn],
  fnr: (c) => [c.fn, c.tp + c.fn],
  precision: (c) => [c.tp, c.tp + c.fp],
  accuracy: (c) => [c.tp + c.tn, c.tp + c.fp + c.tn + c.fn],
};

function lnGamma(x) {
  const shift = [];
  while (x < 10) { shift.push(x); x += 1; }
  const z = 1 / (x * x);
  const series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z * (1 / 1188 - (z * 691) / 360360))))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - shift.reduce((sum, s) => sum + Math.log(s), 0);
}

function betaFraction(a, b, x) {
  const tiny = 1e-300;
  let c = 1, d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let out = d;
  for (let m = 1; m < 20000; m++) {
    for (const term of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
      d = 1 + term * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + term / c;
      if (Math.abs(c) < tiny) c = tiny;
      out *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return out;
}

// The regularized incomplete beta function, by its continued fraction (Lentz).
function betaCdf(a, b, x, norm) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(norm + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(a, b, x)) / a : 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

// Newton's steps kept within a bracket.
function betaQuantile(p, a, b) {
  const norm = lnGamma(a + b) - lnGamma(a) - lnGamma(b);
  let [low, high, x] = [0, 1, a / (a + b)];
  for (let k = 0; k < 100; k++) {
    const off = betaCdf(a, b, x, norm) - p;
    if (off > 0) high = x; else low = x;
    const slope = Math.exp(norm + (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x));
    let next = x - off / slope;
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - x) <= 1e-14 * Math.max(x, 1e-300)) return next;
    x = next;
  }
  return x;
}

const known = new Map();
// The exact interval of 95 % (Clopper and Pearson 1934); 0 to 1 of no rows. A slider comes by the same counts again.
function clopperPearson(hits, n) {
  if (!n) return [0, 1];
  const key = hits * 2 ** 26 + n;
  if (known.size > 50000) known.clear();
  if (!known.has(key)) known.set(key, exactInterval(hits, n));
  return known.get(key);
}
function exactInterval(hits, n) {
  return [hits > 0 ? betaQuantile(0.025, hits, n - hits + 1) : 0, hits < n ? betaQuantile(0.975, hits + 1, n - hits) : 1];
}

const Z = 1.959963984540054;
function wilson(share, n) {
  if (n <= 0) return [0, 1];
  const z2 = Z * Z, middle = share + z2 / (2 * n), half = Z * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return [Math.min(Math.max((middle - half) / (1 + z2 / n), 0), share), Math.max(Math.min((middle + half) / (1 + z2 / n), 1), share)];
}

function rated([hits, n]) {
  const [low, high] = clopperPearson(hits, n);
  return { value: n ? hits / n : null, low, high, hits, n };
}

// Everything said of one set of counts. F1 has the interval of F* = F1 / (2 - F1), the share of hits among rows of the class or given it.
function measured(counts) {
  const found = Object.fromEntries(Object.entries(RATES).map(([name, of]) => [name, rated(of(counts))]));
  const star = rated([counts.tp, counts.tp + counts.fp + counts.fn]);
  const up = (v) => (2 * v) / (1 + v);
  found.f1 = { value: star.value === null ? null : up(star.value), low: up(star.low), high: up(star.high), n: star.n };
  found.balanced = balanced(counts);
  return found;
}

function balanced(c) {
  const sides = [[c.tp, c.tp + c.fn], [c.tn, c.tn + c.fp]].filter(([, n]) => n).map(([hits, n]) => ({ share: hits / n, ends: wilson(hits / n, n) }));
  const mean = sides.reduce((sum, s) => sum + s.share, 0) / sides.length;
  const off = (end) => Math.sqrt(sides.reduce((sum, s) => sum + (s.share - s.ends[end]) ** 2, 0)) / sides.length;
  return { value: mean, low: Math.max(0, mean - off(0)), high: Math.min(1, mean + off(1)), n: c.tn + c.fp + c.fn + c.tp };
}

// The points of every threshold, from nobody to all, thinned for drawing; the corners stay.
function pointsOf(cells, pair, most = 400) {
  const ranks = [...new Set([...pair[0].ranks, ...pair[1].ranks])].sort((a, b) => b - a);
  const step = Math.max(1, ranks.length / most);
  const kept = [];
  for (let k = 0; k < ranks.length; k += step) kept.push(ranks[Math.floor(k)]);
  if (ranks.length && kept.at(-1) !== ranks.at(-1)) kept.push(ranks.at(-1));
  const nobody = countsFrom(pair, cells.scores.length);
  return [{ threshold: Infinity, ...nobody }, ...kept.map((i) => ({ threshold: cells.scores[i], ...countsFrom(pair, i) }))];
}

// Share of the class in bins of the score, beside the mean score.
function calibrated(cells, pair, count = 10) {
  const bins = Array.from({ length: count }, () => ({ sum: 0, n: 0, hits: 0 }));
  pair.forEach((part, truth) => part.ranks.forEach((r, i) => {
    const n = part.below[i + 1] - part.below[i];
    const bin = bins[Math.min(count - 1, Math.floor(cells.scores[r] * count))];
    bin.sum += n * cells.scores[r];
    bin.n += n;
    bin.hits += truth * n;
  }));
  return bins.filter((bin) => bin.n >= 5).map((bin) => ({ score: bin.sum / bin.n, ...rated([bin.hits, bin.n]) }));
}

function histogram(cells, pair, count = 40) {
  const bins = [new Float64Array(count), new Float64Array(count)];
  pair.forEach((part, truth) => part.ranks.forEach((r, i) => {
    bins[truth][Math.min(count - 1, Math.max(0, Math.floor(cells.scores[r] * count)))] += part.below[i + 1] - part.below[i];
  }));
  return bins;
}

const costOf = (counts, costs) => costs[0] * counts.fp + costs[1] * counts.fn;
// The threshold of the smallest cost over all there are; of equal ones the one nearest to `near`.
function cheapest(cells, pair, costs, near) {
  const ranks = [...new Set([...pair[0].ranks, ...pair[1].ranks])].sort((a, b) => a - b);
  let best = null;
  for (const i of [...ranks, cells.scores.length]) {
    const cost = costOf(countsFrom(pair, i), costs);
    const threshold = i < cells.scores.length ? cells.scores[i] : 1;
    const apart = Math.abs(threshold - near);
    if (best === null || cost < best.cost - 1e-12 || (Math.abs(cost - best.cost) <= 1e-12 && apart < best.apart)) best = { cost, i, apart };
  }
  return { cost: best.cost, i: best.i, threshold: thresholdFrom(cells, best.i) };
}

// Largest less smallest of a rate over groups with enough rows behind it, with Newcombe's interval of these two groups (1998, method 10).
function gapOf(groups, rate, smallest) {
  const known = groups.map((g, i) => ({ i, ...g[rate] })).filter((r) => r.n >= smallest && r.value !== null);
  if (known.length < 2) return { value: null, ratio: null };
  const top = known.reduce((a, b) => (b.value > a.value ? b : a)), bottom = known.reduce((a, b) => (b.value < a.value ? b : a));
  const [tl, th] = wilson(top.value, top.n), [bl, bh] = wilson(bottom.value, bottom.n);
  const value = top.value - bottom.value;
  return {
    value, top: top.i, bottom: bottom.i, n: top.n + bottom.n, ratio: top.value > 0 ? bottom.value / top.value : null,
    low: Math.max(0, value - Math.hypot(top.value - tl, bh - bottom.value)), high: Math.min(1, value + Math.hypot(th - top.value, bottom.value - bl)),
  };
}

function gapsOf(groups, smallest) {
  const [parity, chance, alarm, precision, accuracy] = ["selection", "recall", "fpr", "precision", "accuracy"].map((rate) => gapOf(groups, rate, smallest));
  const both = [chance, alarm];  // one of them alone is another measure
  const odds = both.every((g) => g.value !== null) ? both.reduce((a, b) => (b.value > a.value ? b : a)) : { value: null, ratio: null };
  return { parity, chance, odds, precision, accuracy };
}
