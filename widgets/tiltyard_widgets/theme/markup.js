// A tree that is drawn anew in place: what was open stays open, what had the focus keeps it.
export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const draw = () => {
      const focused = el.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      const open = new Map([...el.querySelectorAll("details[data-key]")].map((d) => [d.dataset.key, d.open]));
      el.replaceChildren(...(model.get("tree") || []).map((node) => build(node)));
      for (const d of el.querySelectorAll("details[data-key]")) if (open.has(d.dataset.key)) d.open = open.get(d.dataset.key);
      if (focused) [...el.querySelectorAll("[data-key]")].find((e) => e.dataset.key === focused)?.focus();
    };
    el.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.copy !== undefined) copied(button);
      if (button.dataset.send !== undefined) model.send({ event: button.dataset.send, value: button.dataset.value ?? "" });
    });
    const live = model.get("live");
    if (live) el.setAttribute("aria-live", live);
    draw();
    return watch(model, ["tree"], draw);
  },
};
