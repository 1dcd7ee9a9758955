export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const save = saver(model);
    let made = null;
    const draw = () => {
      const had = el.contains(document.activeElement);
      const spec = { label: model.get("label"), kind: model.get("kind"), options: model.get("options"), unit: "", help: model.get("help"), hint: "" };
      made = field(spec, { changed: (v) => { model.set("value", v ?? ""); save(); }, reset: false });
      el.replaceChildren(made.node);
      made.put(model.get("value"));
      made.able(!model.get("disabled"));
      if (had) made.main?.focus();
    };
    draw();
    const stops = [watch(model, ["label", "kind", "options", "help"], draw), watch(model, ["value"], () => made.put(model.get("value"))), watch(model, ["disabled"], () => made.able(!model.get("disabled")))];
    return () => stops.forEach((stop) => stop());
  },
};
