// Asks the kernel for the page as a file and hands it to the browser.
export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const button = h("button", { type: "button", class: "ty-tool" });
    const draw = () => {
      button.textContent = model.get("busy") ? "Saving …" : "Save this page as HTML";
      button.disabled = model.get("busy") || !!model.get("denied");
      button.title = model.get("denied") || "One file with what stands here; its charts and tables work without a kernel";
    };
    button.addEventListener("click", () => model.send({ event: "save", value: "" }));
    const given = (content) => { if (content?.page) saveFile(content.name, new Blob([content.page], { type: "text/html;charset=utf-8" })); };
    model.on("msg:custom", given);
    el.append(button);
    draw();
    const stop = watch(model, ["busy", "denied"], draw);
    return () => { stop(); model.off("msg:custom", given); };
  },
};
