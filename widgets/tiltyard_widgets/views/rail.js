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
    // A click is lost where its element was replaced, or moved, between press and release. So elements stay while states come in, and
    // the press opens: a header that grows by a line moves the rail.
    const state = (span, item) => {
      const [sign, word] = model.get("states")[item.state] ?? ["", item.state];
      const words = item.words || word;
      span.dataset.state = item.state;
      span.title = words;
      span.children[0].textContent = sign;
      span.children[1].textContent = words.includes(word) ? "" : `${word}: `;
      span.children[2].textContent = words;
      span.children[2].className = item.state === "not_run" && words === word ? "ty-hidden" : "ty-words"; // its sign says enough, in one line
    };
    const line = (item) => h("li", {}, h("button", { type: "button", "data-id": item.id,
      mousedown: (event) => { if (event.button === 0) open(item.id); }, click: () => open(item.id) },
      h("span", { class: "ty-item" }, item.label),
      item.state ? h("span", { class: "ty-state" }, h("span", { "aria-hidden": "true" }), h("span", { class: "ty-hidden" }), h("span", { class: "ty-words" })) : null));
    const heading = (group) => h("li", { class: "ty-group", "data-group": group }, group);
    const head = (group) => [...list.querySelectorAll(".ty-group")].find((one) => one.dataset.group === group) ?? heading(group);
    const drawn = (item) => buttons().find((b) =>
      b.dataset.id === item.id && b.querySelector(".ty-item").textContent === item.label && !b.querySelector(".ty-state") === !item.state)?.parentElement;
    const draw = () => {
      const items = model.get("items");
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
      const made = items.map((item) => drawn(item) ?? line(item));
      const lines = items.flatMap((item, i) => (item.group && item.group !== items[i - 1]?.group ? [head(item.group), made[i]] : [made[i]]));
      if (lines.length !== list.children.length || lines.some((one, i) => one !== list.children[i])) list.replaceChildren(...lines);
      items.forEach((item, i) => { if (item.state) state(made[i].querySelector(".ty-state"), item); });
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
