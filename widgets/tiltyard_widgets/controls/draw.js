export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const size = model.get("size");
    const hintId = uid("pad");
    const canvas = h("canvas", { width: size * 10, height: size * 10, tabindex: 0, role: "application", "aria-label": model.get("label"), "aria-roledescription": "drawing pad", "aria-describedby": hintId });
    const spoken = h("span", { class: "ty-hidden", "aria-live": "polite" });
    const undo = h("button", { type: "button", class: "ty-button" }, "Undo");
    const clear = h("button", { type: "button", class: "ty-button" }, "Clear");
    const erase = h("button", { type: "button", class: "ty-button", "aria-pressed": "false" }, "Erase");
    const name = h("p", { class: "ty-asked" }, model.get("label"));
    const hint = h("p", { class: "ty-help", id: hintId }, "Draw with the pointer, or with arrow keys and space. Backspace erases, Z undoes.");
    el.append(h("div", { class: "ty-pad" }, name, canvas, h("div", { class: "ty-line" }, erase, undo, clear), hint, spoken));
    const pen = canvas.getContext("2d");
    const save = saver(model);
    let pixels = Float64Array.from(model.get("pixels")), history = [], last = null, rubber = false;
    let cursor = { x: Math.floor(size / 2), y: Math.floor(size / 2) }, mine = null, focused = false;

    const paint = () => {
      for (let i = 0; i < pixels.length; i++) {
        const g = Math.round(255 * pixels[i]);
        pen.fillStyle = `rgb(${g},${g},${g})`;
        pen.fillRect((i % size) * 10, Math.floor(i / size) * 10, 10, 10);
      }
      if (focused) {
        pen.lineWidth = 2;
        pen.strokeStyle = "#000"; pen.strokeRect(cursor.x * 10 - 1, cursor.y * 10 - 1, 12, 12);
        pen.strokeStyle = "#ffb000"; pen.strokeRect(cursor.x * 10 + 1, cursor.y * 10 + 1, 8, 8);
      }
      undo.disabled = !history.length || model.get("disabled");
    };
    const tell = () => {
      mine = Array.from(pixels, (v) => Math.round(v * 1e4) / 1e4);
      model.set("pixels", mine);
      save();
      paint();
    };
    const keep = () => { history.push(pixels.slice()); if (history.length > 60) history.shift(); };
    // A round soft brush about two pixels wide, as in the data that such models are trained on.
    const dab = (cx, cy, off) => {
      for (let y = Math.max(0, Math.floor(cy - 2)); y <= Math.min(size - 1, cy + 2); y++) {
        for (let x = Math.max(0, Math.floor(cx - 2)); x <= Math.min(size - 1, cx + 2); x++) {
          const far = Math.hypot(x + 0.5 - cx, y + 0.5 - cy);
          const ink = Math.min(1, Math.max(0, 1.7 - far));
          const i = y * size + x;
          pixels[i] = off ? Math.min(pixels[i], 1 - ink) : Math.max(pixels[i], ink);
        }
      }
    };
    const place = (event) => {
      const at = canvas.getBoundingClientRect();
      return { x: ((event.clientX - at.left) / at.width) * size, y: ((event.clientY - at.top) / at.height) * size };
    };
    const stroke = (from, to) => {
      const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) * 2));
      for (let k = 0; k <= steps; k++) dab(from.x + ((to.x - from.x) * k) / steps, from.y + ((to.y - from.y) * k) / steps, rubber);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (model.get("disabled") || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      keep();
      last = place(event);
      stroke(last, last);
      tell();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const now = place(event);
      stroke(last, now);
      last = now;
      tell();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    const back = () => { if (history.length) { pixels = history.pop(); tell(); spoken.textContent = "Undone"; } };
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const write = [" ", "Enter", "Backspace", "Delete"].includes(event.key);
      if (!move && !write && event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      event.stopPropagation();
      if (model.get("disabled")) return;
      if (move) {
        cursor = { x: Math.min(size - 1, Math.max(0, cursor.x + move[0])), y: Math.min(size - 1, Math.max(0, cursor.y + move[1])) };
        if (event.shiftKey) { keep(); dab(cursor.x + 0.5, cursor.y + 0.5, rubber); tell(); } else paint();
        spoken.textContent = `Row ${cursor.y + 1}, column ${cursor.x + 1}, brightness ${Math.round(100 * pixels[cursor.y * size + cursor.x])} %`;
      } else if (write) {
        keep();
        dab(cursor.x + 0.5, cursor.y + 0.5, rubber || event.key === "Backspace" || event.key === "Delete");
        tell();
        spoken.textContent = "Drawn";
      } else back();
    });
    canvas.addEventListener("focus", () => { focused = canvas.matches(":focus-visible"); paint(); });
    canvas.addEventListener("blur", () => { focused = false; paint(); });
    undo.addEventListener("click", back);
    clear.addEventListener("click", () => { keep(); pixels.fill(0); tell(); spoken.textContent = "Cleared"; });
    erase.addEventListener("click", () => { rubber = !rubber; erase.setAttribute("aria-pressed", String(rubber)); });
    const able = () => { for (const b of [clear, erase]) b.disabled = model.get("disabled"); paint(); };
    able();
    const follow = () => {
      const now = model.get("pixels");
      if (now === mine || JSON.stringify(now) === JSON.stringify(mine)) return;
      if (last) return;
      keep();
      pixels = Float64Array.from(now);
      mine = null;
      paint();
    };
    const stops = [watch(model, ["pixels"], follow), watch(model, ["disabled"], able)];
    return () => stops.forEach((stop) => stop());
  },
};
