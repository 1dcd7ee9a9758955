function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
const STATES = { waiting: ["…", "waits"], running: ["◌", "runs"], ended: ["✓", "ended"], cancelled: ["■", "cancelled"], failed: ["✕", "failed"] };
const GROUPS = [["running", "Runs"], ["waiting", "Waits"], ["past", "Ended"]];
const group = (line) => (line.state === "running" || line.state === "waiting" ? line.state : "past");

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const id = uid("drawer");
    const title = h("span", { class: "ty-drawer-title" }, "Work");
    const text = h("span", { class: "ty-drawer-now" });
    const fillBar = h("div", { class: "ty-fill" });
    const track = h("div", { class: "ty-track", role: "progressbar", "aria-label": "Progress of what runs", "aria-valuemin": 0, "aria-valuemax": 100 }, fillBar);
    const times = h("span", { class: "ty-drawer-times" });
    const sign = h("span", { "aria-hidden": "true", class: "ty-drawer-sign" });
    const fold = h("button", { type: "button", class: "ty-drawer-bar", "aria-controls": id, click: () => { model.set("unfolded", !model.get("unfolded")); model.save_changes(); draw(); } },
      sign, title, text, track, times);
    const list = h("div", { id, class: "ty-drawer-list" });
    const root = h("section", { class: "ty-drawer", "aria-label": "Work of this window" }, fold, list);
    const spoken = h("span", { class: "ty-hidden", role: "status" });
    el.append(root, spoken);
    let since = performance.now(), timer = null, heard = null;
    const rows = new Map();

    const held = () => model.get("lines").map((line) => ({ ...line, ...model.get("moves")[line.id] }));
    const passed = () => (performance.now() - since) / 1000;
    const time = (line) => {
      const parts = [];
      if (line.state === "running") {
        if (line.elapsed !== null) parts.push(`${span(line.elapsed + passed())} so far`);
        parts.push(line.left === null ? "time left not known yet" : `about ${span(Math.max(line.left - passed(), 0))} left`);
      }
      return parts.join(", ");
    };
    const send = (event, line) => model.send({ event, id: line.id });
    const bar = (line) => {
      const known = line.done >= 0, share = Math.round(100 * Math.min(1, Math.max(0, line.done)));
      return h("div", { class: "ty-progress", "data-known": String(known) },
        h("div", { class: "ty-track", role: "progressbar", "aria-label": `Progress of ${line.title}`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": known ? share : null },
          h("div", { class: "ty-fill", style: known ? `width:${share}%` : null })),
        h("span", { class: "ty-percent" }, known ? `${share} %` : ""));
    };
    const button = (line, event, label, danger, off) => h("button", { type: "button", class: `ty-link${danger ? " ty-danger" : ""}`, "data-do": event,
      "aria-label": `${label}: ${line.title}`, disabled: off, click: () => send(event, line) }, label);
    const rest = (line) => [line.words, line.results].filter(Boolean).join(" · ");
    const row = (line, first) => {
      const [mark, word] = STATES[line.state] ?? ["", line.state];
      return h("li", { class: "ty-drawer-line", "data-state": line.state, "data-id": line.id },
        h("span", { class: "ty-drawer-mark", title: word }, h("span", { "aria-hidden": "true" }, mark), h("span", { class: "ty-hidden" }, word)),
        h("div", { class: "ty-drawer-what" },
          h("div", {}, h("strong", {}, line.title), line.about ? h("span", { class: "ty-muted" }, ` on ${line.about}`) : null,
            line.place === "elsewhere" ? h("span", { class: "ty-tag" }, "in another window") : null),
          line.state === "running" ? bar(line) : null,
          line.state === "running" ? h("div", { class: "ty-muted ty-drawer-time" }, time(line)) : null,
          rest(line) ? h("div", { class: "ty-muted" }, line.cancelling ? "Cancelling …" : rest(line)) : null,
          line.error ? h("div", { class: "ty-drawer-error" }, line.error) : null),
        h("div", { class: "ty-drawer-do" },
          line.state === "waiting" && !first && line.place === "here" ? button(line, "first", "Next", false) : null,
          line.step ? button(line, "show", "Show", false) : null,
          line.state === "running" && line.stoppable ? button(line, "cancel", "Cancel", true, line.cancelling) : null,
          line.state === "waiting" ? button(line, "cancel", "Remove", true) : null));
    };
    // Lines keep their element while nothing but progress changes, so that a press is not lost between two messages.
    const moved = (old, line) => {
      const fresh = row(line, old.first);
      const [was, is] = [old.node.querySelector(".ty-drawer-what"), fresh.querySelector(".ty-drawer-what")];
      was.replaceChildren(...is.childNodes);
    };
    const same = (a, b) => ["state", "title", "step", "cancelling", "stoppable", "place"].every((key) => a[key] === b[key]);
    const placed = (line, first) => {
      const old = rows.get(line.id);
      if (old && same(old.line, line) && old.first === first) { moved(old, line); old.line = line; return old.node; }
      const node = row(line, first);
      rows.set(line.id, { node, line, first });
      return node;
    };
    const summary = (lines) => {
      const now = lines.filter((line) => line.state === "running");
      const waits = lines.filter((line) => line.state === "waiting").length;
      const last = lines.find((line) => group(line) === "past");
      const more = [now.length > 1 ? `${now.length - 1} more in other windows` : "", waits ? `${waits} waiting` : ""].filter(Boolean).join(", ");
      if (now.length) return `${now[0].title}${more ? ` (${more})` : ""}`;
      if (last) return `Nothing runs. Last: ${last.title}, ${last.error ? `failed: ${last.error}` : last.words || last.state}`;
      return model.get("note");
    };
    const clock = () => {
      const now = held().find((line) => line.state === "running");
      times.textContent = now ? time(now) : "";
      for (const { node, line } of rows.values()) { const place = node.querySelector(".ty-drawer-time"); if (place) place.textContent = time(line); }
    };
    const draw = () => {
      const lines = held(), open = model.get("unfolded");
      since = performance.now();
      const now = lines.find((line) => line.state === "running");
      const words = summary(lines);
      text.textContent = words;
      fold.title = words;
      fold.setAttribute("aria-expanded", String(open));
      sign.textContent = open ? "▾" : "▸";
      track.style.visibility = now ? "" : "hidden";
      const known = now && now.done >= 0;
      track.dataset.known = now ? String(known) : "idle"; // what moves unseen costs as much as what is seen
      fillBar.style.width = known ? `${Math.round(100 * now.done)}%` : "";
      if (known) track.setAttribute("aria-valuenow", Math.round(100 * now.done)); else track.removeAttribute("aria-valuenow");
      root.dataset.state = now ? "running" : lines.length && group(lines[0]) === "past" ? lines[0].state : "";
      list.hidden = !open;
      for (const key of [...rows.keys()]) if (!lines.some((line) => line.id === key)) rows.delete(key);
      const groups = GROUPS.map(([name, label]) => [label, lines.filter((line) => group(line) === name)]).filter(([, held]) => held.length);
      const focused = list.contains(document.activeElement) ? [document.activeElement.closest("li")?.dataset.id, document.activeElement.dataset.do] : null;
      list.replaceChildren(...(groups.length ? groups.flatMap(([label, held]) => [h("h4", {}, label), h("ul", {}, held.map((line, i) => placed(line, i === 0)))])
        : [h("p", { class: "ty-muted" }, model.get("note"))]));
      if (focused) [...list.querySelectorAll("li")].find((one) => one.dataset.id === focused[0])?.querySelector(`[data-do="${focused[1]}"]`)?.focus();
      clock();
      const said = lines.map((line) => line.id + line.state).join();
      if (heard !== null && heard !== said) spoken.textContent = words;
      heard = said;
      if (now && timer === null) timer = setInterval(clock, 1000);
      if (!now && timer !== null) { clearInterval(timer); timer = null; }
    };
    draw();
    const stop = watch(model, ["lines", "moves", "unfolded", "note"], draw);
    return () => { stop(); clearInterval(timer); };
  },
};
