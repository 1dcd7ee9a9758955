// Numbers to pixels: domains, ticks, and how ticks are written.
const SHARES = new Set(["share", "rate", "fraction"]);
const num = (v) => { if (v === null || v === undefined) return null; const n = Number(v); return Number.isFinite(n) ? n : null; };
const isShare = (axis) => SHARES.has(axis.unit);
const axisTitle = (axis) => (axis.unit && !isShare(axis) ? `${axis.label} (${axis.unit})` : axis.label);

function shown(axis, value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (axis.categories.length) return axis.categories[Math.round(value)] ?? written(value, digits);
  if (isShare(axis) && Number.isFinite(Number(value))) return `${written(100 * value, digits)} %`;
  const unit = axis.unit === "%" ? " %" : "";
  return written(value, digits) + unit;
}

function linearTicks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + step * 1e-6; i++) ticks.push(Number((i * step).toPrecision(12)));
  return { ticks, step };
}

// Powers of ten; where these are fewer than three, also numbers between them; within less than a decade, as on a linear axis.
function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const every = Math.max(1, Math.ceil((last - first) / Math.max(count, 2)));
  for (const leads of [[1], [1, 3], [1, 2, 5]]) {
    const ticks = [];
    for (let p = first; p <= last; p += every) for (const lead of leads) ticks.push(lead * 10 ** p);
    const inside = ticks.filter((t) => t >= low * 0.9999 && t <= high * 1.0001);
    if (inside.length > 2 || every > 1) return inside;
  }
  return linearTicks(low, high, count).ticks.filter((t) => t > 0);
}

function writeTicks(axis, ticks, step) {
  if (axis.scale === "log") return ticks.map((t) => (isShare(axis) ? `${written(100 * t)} %` : written(t)));
  const by = isShare(axis) ? 100 : 1;
  const largest = Math.max(...ticks.map((t) => Math.abs(t * by)), 0);
  if (largest >= 1e9 || (largest < 1e-3 && largest > 0)) return ticks.map((t) => written(t * by));
  const places = Math.max(0, Math.min(8, -Math.floor(Math.log10(step * by) + 1e-9)));
  const fine = Number((step * by).toFixed(places)) !== Number((step * by).toPrecision(6)) ? places + 1 : places;
  const tail = isShare(axis) ? " %" : "";
  return ticks.map((t) => (t * by).toLocaleString("en-US", { minimumFractionDigits: fine, maximumFractionDigits: fine }).replace("-", "−") + tail);
}

// Smallest and largest of what is drawn, widened to the axis's own bounds, or to whole ticks where `round`.
function domain(axis, values, { zero = false, pad = 0, round = false, count = 5 } = {}) {
  const log = axis.scale === "log";
  const given = [num(axis.low), num(axis.high)];
  const real = values.filter((v) => v !== null && (!log || v > 0));
  let low = given[0] ?? Math.min(...real, ...(zero && !log ? [0] : []));
  let high = given[1] ?? Math.max(...real, ...(zero && !log ? [0] : []));
  if (!Number.isFinite(low) || (log && low <= 0)) low = log ? Math.min(1e-3, (high > 0 && Number.isFinite(high) ? high : 1) / 10) : 0;
  if (!Number.isFinite(high)) high = log ? low * 10 : low + 1;
  if (log) {
    if (high <= low) { high = low * 10; low = low / 10; }
    if (given[0] === null && pad) low /= 1.15;
    if (given[1] === null && pad) high *= 1.15;
    return { low, high };
  }
  if (high <= low) { const by = Math.abs(low) * 0.1 || 1; if (given[0] === null && !(zero && low === 0)) low -= by; high = Math.max(high + by, low + by); }
  const extra = (high - low) * pad;
  if (given[0] === null && !(zero && low >= 0)) low -= extra;
  if (given[1] === null && !(zero && high <= 0)) high += extra;
  if (round) {
    const { step } = linearTicks(low, high, count);
    if (given[0] === null) low = Math.floor(low / step + 1e-9) * step;
    if (given[1] === null) high = Math.ceil(high / step - 1e-9) * step;
  }
  return { low, high };
}

function makeScale(axis, { low, high }, from, to, count) {
  if (axis.categories.length) {
    const band = (to - from) / axis.categories.length;
    const at = (i) => from + (i + 0.5) * band;
    return { axis, at, band: Math.abs(band), ticks: axis.categories.map((_, i) => i), labels: axis.categories, low: 0, high: axis.categories.length - 1 };
  }
  if (axis.scale === "log") {
    const [a, b] = [Math.log10(low), Math.log10(high)];
    const at = (v) => (v > 0 ? from + ((Math.log10(v) - a) / (b - a)) * (to - from) : from);
    const ticks = logTicks(low, high, count);
    return { axis, at, band: 0, ticks, labels: writeTicks(axis, ticks, 1), low, high };
  }
  const at = (v) => from + ((v - low) / (high - low)) * (to - from);
  const { ticks, step } = linearTicks(low, high, count);
  return { axis, at, band: 0, ticks, labels: writeTicks(axis, ticks, step), low, high };
}

const ruler = document.createElement("canvas").getContext("2d");
let face = "sans-serif";
const measureIn = (node) => { face = getComputedStyle(node).fontFamily || face; };
function textWidth(text) {
  ruler.font = `12px ${face}`;
  return ruler.measureText(text).width;
}

function cut(text, width) {
  if (textWidth(text) <= width) return text;
  let n = Math.max(1, Math.floor((text.length * width) / textWidth(text)) - 1);
  while (n > 1 && textWidth(`${text.slice(0, n)}…`) > width) n--;
  return `${text.slice(0, n)}…`;
}

function wrap(text, width, most = 3) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (!lines.at(-1) || textWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  if (lines.length > most) lines.splice(most - 1, lines.length, lines.slice(most - 1).join(" "));
  return lines.map((line) => cut(line, width));
}
