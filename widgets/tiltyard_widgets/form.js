export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const root = h("div", { class: "ty-form" });
    el.append(root);
    const save = saver(model);
    let fields = new Map();
    const change = (name, value) => { model.set("given", { ...model.get("given"), [name]: value }); save(); };
    const put = () => { const given = model.get("given"); for (const [name, f] of fields) f.put(given[name] ?? null); };
    const say = () => { const errors = model.get("errors"); for (const [name, f] of fields) f.say(errors[name] ?? ""); rest.textContent = errors[""] ? `✕ ${errors[""]}` : ""; };
    const able = () => { const off = model.get("disabled"); root.setAttribute("aria-disabled", String(off)); for (const f of fields.values()) f.able(!off); };
    const rest = h("p", { class: "ty-wrong ty-field", "aria-live": "polite" });
    const draw = () => {
      const open = root.querySelector("details")?.open ?? false;
      const specs = model.get("specs");
      fields = new Map(specs.map((spec) => [spec.name, field(spec, { changed: (v) => change(spec.name, v) })]));
      const of = (advanced) => specs.filter((s) => s.advanced === advanced).map((s) => fields.get(s.name).node);
      const more = of(true);
      root.replaceChildren(...of(false), ...(more.length ? [h("details", { open }, h("summary", {}, "More settings"), h("div", { class: "ty-form" }, more))] : []), rest);
      put(); say(); able();
    };
    draw();
    const stops = [watch(model, ["specs"], draw), watch(model, ["given"], put), watch(model, ["errors"], say), watch(model, ["disabled"], able)];
    return () => stops.forEach((stop) => stop());
  },
};
