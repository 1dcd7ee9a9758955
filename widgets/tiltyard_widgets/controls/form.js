export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const root = h("div", { class: "ty-form" });
    el.append(root);
    const save = saver(model);
    let fields = new Map();
    const same = (s, given) => JSON.stringify(given[s.name] ?? null) === JSON.stringify(s.default ?? null);
    const defaults = h("button", { type: "button", class: "ty-link", hidden: true }, "Reset to defaults");
    defaults.addEventListener("click", () => {
      model.set("given", Object.fromEntries(model.get("specs").map((s) => [s.name, s.default ?? null])));
      root.querySelector("input, select, summary")?.focus();
      save();
    });
    const change = (name, value) => { model.set("given", { ...model.get("given"), [name]: value }); count(); save(); };
    const put = () => { const given = model.get("given"); for (const [name, f] of fields) f.put(given[name] ?? null); count(); };
    const count = () => {
      const given = model.get("given");
      const specs = model.get("specs");
      const changed = specs.filter((s) => s.advanced && !same(s, given)).length;
      defaults.hidden = specs.length < 2 || specs.every((s) => same(s, given));
      const summary = root.querySelector("summary");
      if (summary) summary.textContent = changed ? `More settings (${changed} changed)` : "More settings";
    };
    const say = () => {
      const errors = model.get("errors");
      const folded = root.querySelector("details");
      if (folded && model.get("specs").some((s) => s.advanced && errors[s.name])) folded.open = true;
      for (const [name, f] of fields) f.say(errors[name] ?? ""); rest.textContent = errors[""] ? `✕ ${errors[""]}` : "";
    };
    const able = () => { const off = model.get("disabled"); root.setAttribute("aria-disabled", String(off)); defaults.disabled = off; for (const f of fields.values()) f.able(!off); };
    const rest = h("p", { class: "ty-wrong ty-field", "aria-live": "polite" });
    const draw = () => {
      const open = root.querySelector("details")?.open ?? false;
      const specs = model.get("specs");
      fields = new Map(specs.map((spec) => [spec.name, field(spec, { changed: (v) => change(spec.name, v) })]));
      const of = (advanced) => specs.filter((s) => s.advanced === advanced).map((s) => fields.get(s.name).node);
      const more = of(true);
      root.replaceChildren(...of(false), ...(more.length ? [h("details", { open }, h("summary", {}, "More settings"), h("div", { class: "ty-form" }, more))] : []), h("div", { class: "ty-foot" }, defaults), rest);
      put(); say(); able();
    };
    draw();
    const stops = [watch(model, ["specs"], draw), watch(model, ["given"], put), watch(model, ["errors"], say), watch(model, ["disabled"], able)];
    return () => stops.forEach((stop) => stop());
  },
};
