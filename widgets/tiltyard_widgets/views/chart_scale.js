// Places of a drawing spec to pixels. Ranges, ticks and texts are decided in Python (formatting/drawing.py).
function makeScale(axis, from, to) {
  const [start, end] = axis.down ? [to, from] : [from, to];
  const log = axis.scale === "log";
  const of = (v) => (log ? Math.log10(v) : v);
  const unit = (end - start) / (of(axis.high) - of(axis.low));
  const at = (v) => (log && v <= 0 ? start : start + (of(v) - of(axis.low)) * unit);
  return { axis, at, unit: Math.abs(unit), category: axis.scale === "category", ticks: axis.ticks, labels: axis.labels, low: axis.low, high: axis.high };
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
