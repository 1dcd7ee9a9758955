// A file from the viewer's own machine, in pieces over the comm, each sent when the one before has arrived.
const PIECE = 1 << 19;

const size = (n) => (n < 1e6 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(1)} MB`);

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const id = uid("upload");
    const input = h("input", { type: "file", id, class: "ty-hidden", tabindex: "-1", "aria-label": model.get("label"), accept: model.get("accept") || null });
    const choose = h("button", { type: "button", class: "ty-button", "aria-describedby": `${id}-status` }, model.get("label"));
    const stop = h("button", { type: "button", class: "ty-button ty-danger", hidden: true }, "Cancel");
    const status = h("span", { class: "ty-help", id: `${id}-status`, role: "status" }, model.get("status"));
    el.append(h("div", { class: "ty-upload" }, input, choose, stop, status));
    let file = null, tenth = -1;

    const send = async (offset) => {
      const current = file;
      const piece = await current.slice(offset, offset + PIECE).arrayBuffer().catch(() => null);
      if (file !== current) return;
      if (piece === null) return model.send({ event: "cancel", why: "The browser could not read the file" });
      model.send({ event: "piece", offset }, undefined, [new DataView(piece)]);
    };
    const say = () => { status.textContent = model.get("status"); };
    const draw = () => {
      const at = model.get("received");
      stop.hidden = at < 0;
      choose.disabled = at >= 0;
      if (at < 0) { file = null; tenth = -1; return say(); }
      const now = file ? Math.floor((10 * at) / file.size) : -1;
      if (now !== tenth) { tenth = now; status.textContent = `${size(at)} of ${size(file.size)}`; }
      if (file) send(at);
    };
    choose.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (!input.files.length) return;
      file = input.files[0];
      input.value = "";
      status.textContent = "Sending …";
      model.send({ event: "begin", name: file.name, size: file.size });
    });
    stop.addEventListener("click", () => model.send({ event: "cancel", why: "" }));
    const stops = [watch(model, ["received"], draw), watch(model, ["status"], say)];
    return () => stops.forEach((end) => end());
  },
};
