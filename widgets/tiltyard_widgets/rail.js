export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const list = h("ul");
    const nav = h("nav", { class: "ty-rail", "aria-label": model.get("label") }, list);
    el.append(nav);
    const save = saver(model);
    const buttons = () => [...list.querySelectorAll("button")];
    const open = (id) => { if (model.get("selected") !== id) { model.set("selected", id); save(); mark(); } };
    const mark = () => {
      const selected = model.get("selected");
      const all = buttons();
      const home = all.find((b) => b.dataset.id === selected) ?? all[0];
      for (const b of all) {
        if (b.dataset.id === selected) b.setAttribute("aria-current", "true"); else b.removeAttribute("aria-current");
        b.tabIndex = b === home ? 0 : -1;
      }
    };
    const draw = () => {
      const states = model.get("states");
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
      list.replaceChildren(...model.get("items").map((item) => {
        const [sign, word] = states[item.state] ?? ["", item.state];
        return h("li", {}, h("button", { type: "button", "data-id": item.id, click: () => open(item.id) },
          h("span", { class: "ty-item" }, item.label),
          item.state ? h("span", { class: "ty-state", "data-state": item.state }, h("span", { "aria-hidden": "true" }, sign), h("span", {}, word)) : null));
      }));
      mark();
      if (focused) buttons().find((b) => b.dataset.id === focused)?.focus();
    };
    nav.addEventListener("keydown", (event) => {
      const all = buttons();
      const now = all.indexOf(document.activeElement);
      if (now < 0) return;
      const to = { ArrowDown: now + 1, ArrowRight: now + 1, ArrowUp: now - 1, ArrowLeft: now - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      all[(to + all.length) % all.length].focus();
    });
    draw();
    const stops = [watch(model, ["items", "states"], draw), watch(model, ["selected"], mark)];
    return () => stops.forEach((stop) => stop());
  },
};
