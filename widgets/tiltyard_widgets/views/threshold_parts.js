// Parts that both pages share: the slider with its marks, a number box, buttons, the costs of the errors.
const STEPS = 1000;

// Places of the slider: by score they are scores, by share they are how many rows are given the class.
function shareThreshold(cells, share) {
  const [n, m] = [cells.total[0].n + cells.total[1].n, cells.scores.length];
  let [from, to] = [0, m];
  while (from < to) {
    const middle = (from + to) >> 1, c = countsFrom(cells.total, middle);
    if (c.tp + c.fp > share * n + 1e-9) from = middle + 1; else to = middle;
  }
  return thresholdFrom(cells, from);
}
function shareAt(cells, threshold) {
  const c = countsAt(cells, cells.total, threshold);
  return (c.tp + c.fp) / (c.tp + c.fp + c.tn + c.fn);
}

// A range with a number box. `moved` hears of each position while it moves, `rested` of the last one.
function thresholdSlider({ label, value, place, back, words, moved, rested }) {
  const range = h("input", { type: "range", min: 0, max: STEPS, step: 1, "aria-label": label });
  const box = h("input", { type: "text", inputmode: "decimal", "aria-label": `${label}, as a number`, size: 8, maxlength: 20 });
  let now = value;
  const put = (t, typed) => {
    now = t;
    range.value = String(Math.round(STEPS * place(t)));
    range.setAttribute("aria-valuetext", words(t));
    if (!typed) box.value = shownThreshold(t);
    box.setAttribute("aria-invalid", "false");
  };
  range.addEventListener("input", () => { now = back(Number(range.value) / STEPS); box.value = shownThreshold(now); range.setAttribute("aria-valuetext", words(now)); moved(now); });
  range.addEventListener("change", () => rested(now));
  box.addEventListener("change", () => {
    const t = Number(box.value.trim().replace(",", "."));
    const wrong = box.value.trim() === "" || !(t >= 0 && t <= 1);
    box.setAttribute("aria-invalid", String(wrong));
    box.title = wrong ? "Expected a number from 0 to 1" : "";
    if (!wrong) { put(t, true); moved(t); rested(t); }
  });
  put(value);
  return { range, box, put, again: () => put(now) };
}

// Marks under a slider; those that would lie over another stand away.
function stopsUnder(stops, place, width) {
  const taken = [];
  return stops.filter(({ at }) => at !== null).map(({ at, text }) => {
    const share = Math.min(Math.max(place(at), 0), 1), x = 8 + (width - 16) * share, wide = textWidth(text);
    const edge = x < wide / 2 ? "left" : x > width - wide / 2 ? "right" : "";
    const from = edge === "left" ? x : edge === "right" ? x - wide : x - wide / 2;
    if (taken.some(([a, b]) => from < b + 6 && from + wide > a - 6)) return h("span", { class: "ty-stop", style: `left:${x}px`, title: text }, "");
    taken.push([from, from + wide]);
    return h("span", { class: "ty-stop", "data-edge": edge || null, style: `left:${x}px` }, text);
  });
}

const button = (text, act, kind = "") => h("button", { type: "button", class: `ty-button ${kind}`, click: act }, text);

function choiceOf(label, options, value, changed) {
  const name = uid("choice");
  const radios = options.map(([text, key]) => h("label", {}, h("input", { type: "radio", name, value: key, checked: key === value, change: () => changed(key) }), text));
  return h("div", { class: "ty-segments", role: "radiogroup", "aria-label": label }, radios);
}

function costField(label, value, changed) {
  const id = uid("cost");
  const box = h("input", { type: "number", id, min: 0, step: "any", value });
  box.addEventListener("input", () => {
    const v = Number(box.value), wrong = box.value === "" || !(v >= 0) || !Number.isFinite(v);
    box.setAttribute("aria-invalid", String(wrong));
    box.title = wrong ? "Expected a number of 0 or more" : "";
    if (!wrong) changed(v);
  });
  return h("div", { class: "ty-field" }, h("label", { for: id }, label), box);
}

// Draws a chart when its width is known or changes, and moves it only while it is on the screen or near: layout is what a move costs.
function redrawing(root, charts) {
  const known = new Map();
  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const width = Math.floor(entry.contentRect.width);
      if (width >= 60 && known.get(entry.target) !== width) { known.set(entry.target, width); charts.get(entry.target)?.resize(width); }
    }
  });
  const views = new IntersectionObserver((entries) => { for (const entry of entries) charts.get(entry.target)?.see?.(entry.isIntersecting); }, { rootMargin: "150px" });
  for (const area of charts.keys()) { sizes.observe(area); views.observe(area); }
  return () => { sizes.disconnect(); views.disconnect(); root.replaceChildren(); };
}

// Draws at most once a frame, and once the finger rests brings what is off the screen in line too.
function onceAFrame(draw, charts) {
  let waiting = 0, resting = 0;
  const settle = () => { for (const chart of charts.values()) chart.settle?.(); };
  const rest = () => { clearTimeout(resting); resting = setTimeout(settle, 150); };
  return { rest, later: () => { rest(); waiting ||= requestAnimationFrame(() => { waiting = 0; draw(); }); }, stop: () => { cancelAnimationFrame(waiting); clearTimeout(resting); } };
}
