// A secret is typed here, sent once and forgotten here; the kernel never sends it back.
export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const id = uid("word");
    const box = h("input", { type: "password", id, autocomplete: "new-password", spellcheck: "false", maxlength: 4096, "aria-describedby": `${id}-help ${id}-wrong` });
    const forget = h("button", { type: "button", class: "ty-link", "aria-label": `Forget the ${model.get("label").toLowerCase()}` }, "forget");
    const wrong = h("span", { class: "ty-wrong", id: `${id}-wrong`, "aria-live": "polite" });
    el.append(h("div", { class: "ty-field" },
      h("div", { class: "ty-head" }, h("label", { for: id }, model.get("label")), forget), box,
      h("span", { class: "ty-help", id: `${id}-help` }, model.get("help")), wrong));
    const draw = () => {
      const held = model.get("held");
      forget.hidden = !held;
      box.placeholder = held ? `${model.get("label")} held; type another to replace it` : "none";
      wrong.textContent = model.get("wrong") ? `✕ ${model.get("wrong")}` : "";
    };
    box.addEventListener("change", () => {
      if (box.value) model.send({ event: "key", value: box.value });
      box.value = "";
    });
    forget.addEventListener("click", () => { model.send({ event: "forget" }); box.focus(); });
    draw();
    return watch(model, ["held", "wrong"], draw);
  },
};
