export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const save = saver(model);
    let made = null, mine = null;
    const change = (v) => {
      const [low, high] = [model.get("min"), model.get("max")];
      const wrong = typeof v !== "number" || v < low || v > high;
      made.say(wrong ? `Expected a number from ${model.get("span")}.` : "");
      model.set("wrong", wrong ? String(v ?? "") || "nothing" : "");
      if (wrong) { save(); return; }
      mine = v;
      model.set("value", v);
      save();
    };
    const draw = () => {
      const get = (name) => model.get(name);
      const spec = { label: get("label"), kind: get("integer") ? "integer" : "number", min: get("min"), max: get("max"), step: get("step"), log: get("log"), unit: get("unit"), help: get("help"), digits: get("digits"), hint: get("span"), slider: true, optional: false };
      made = field(spec, { changed: change, reset: false });
      el.replaceChildren(made.node);
      made.put(get("value"));
      made.able(!get("disabled"));
    };
    draw();
    // An echo of an older position must not pull the handle back from under the finger.
    const follow = () => { const v = model.get("value"); if (v !== mine) { made.put(v); made.say(""); if (model.get("wrong")) { model.set("wrong", ""); save(); } } mine = null; };
    const stops = [watch(model, ["label", "min", "max", "span", "step", "log", "unit", "help"], draw), watch(model, ["value"], follow), watch(model, ["disabled"], () => made.able(!model.get("disabled")))];
    return () => stops.forEach((stop) => stop());
  },
};
