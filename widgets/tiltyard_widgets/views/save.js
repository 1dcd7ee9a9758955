// Files made in the page from what it shows: nothing is asked of the kernel or the network.
function saveFile(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const fileName = (title, suffix) => `${title.normalize("NFKD").replace(/[^\w]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60).toLowerCase() || "tiltyard"}.${suffix}`;

// Text that a spreadsheet would take for a formula is given a quote in front; numbers are written in full.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = String(value).replace(/^([=+\-@\t\r])/, "'$1");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
const csvText = (rows) => rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
const saveCsv = (title, rows) => saveFile(fileName(title, "csv"), new Blob(["\ufeff", csvText(rows)], { type: "text/csv;charset=utf-8" }));

const PAINT = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "opacity", "font-size", "font-family", "font-weight", "text-anchor", "paint-order", "shape-rendering"];

function painted(node) {
  const copy = node.cloneNode(true);
  const [from, to] = [[node, ...node.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((one, i) => {
    const style = getComputedStyle(one);
    to[i].removeAttribute("style");
    to[i].removeAttribute("class");
    for (const name of PAINT) {
      const value = style.getPropertyValue(name);
      if (value && value !== "none" || name === "fill" || name === "stroke") to[i].setAttribute(name, value.replace(/url\("?[^#]*(#[^")]+)"?\)/, "url($1)"));
    }
  });
  return copy;
}

// The drawing with its title and legend as one SVG that needs no style sheet.
function pictureOf(figure, title, items) {
  const drawing = figure.querySelector("svg.ty-svg");
  const [width, height] = [Number(drawing.getAttribute("width")), Number(drawing.getAttribute("height"))];
  const style = getComputedStyle(figure);
  const text = (x, y, words, weight) => svg("text", { x, y, "font-size": weight ? 14 : 12, "font-weight": weight || 400, "font-family": style.fontFamily, fill: style.color }, words);
  const rows = [[]];
  let used = 0;
  for (const item of items) {
    const room = 30 + textWidth(item.textContent) + 18;
    if (used && used + room > width) { rows.push([]); used = 0; }
    rows[rows.length - 1].push({ item, x: used });
    used += room;
  }
  const top = 26 + (items.length ? rows.length * 18 + 6 : 0);
  const whole = svg("svg", { xmlns: SVG_NS, width: width + 24, height: height + top + 20, viewBox: `-12 -8 ${width + 24} ${height + top + 20}` });
  const probe = h("span", { style: "color:var(--ty-surface)" });
  figure.append(probe);
  const surface = getComputedStyle(probe).color;
  probe.remove();
  whole.append(svg("rect", { x: -12, y: -8, width: "100%", height: "100%", fill: surface }), svg("title", {}, title), text(0, 12, title, 650));
  if (items.length) {
    rows.forEach((row, k) => {
      for (const { item, x } of row) {
        const mark = painted(item.querySelector("svg"));
        mark.setAttribute("x", x);
        mark.setAttribute("y", 22 + k * 18);
        whole.append(mark, text(x + 30, 32 + k * 18, item.textContent));
      }
    });
  }
  const body = painted(drawing);
  body.setAttribute("y", top);
  whole.append(body);
  return whole;
}

const svgText = (picture) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(picture)}`;

async function pngOf(picture, scale = 2) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(picture))}`;
  await image.decode();
  const canvas = h("canvas", { width: picture.getAttribute("width") * scale, height: picture.getAttribute("height") * scale });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function copyPicture(picture) {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": pngOf(picture) })]);
    return true;
  } catch {
    return copyText(svgText(picture));
  }
}

// Small buttons at the end of a title's line: [label, what it does, call]; one that answers says "Copied" for a moment.
function tools(entries) {
  const made = entries.map(([label, about, call]) => {
    const button = h("button", { type: "button", class: "ty-tool", title: about, "aria-label": about }, label);
    button.addEventListener("click", async () => {
      const done = await call(button);
      if (done === undefined) return;
      button.textContent = done ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
    return button;
  });
  return h("div", { class: "ty-tools" }, made);
}
