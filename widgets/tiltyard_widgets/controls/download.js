// A link to a file whose bytes came over the comm.
export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const link = document.createElement("a");
    link.className = "ty-download";
    el.append(link);
    let url = null;
    const draw = () => {
      if (url) URL.revokeObjectURL(url);
      url = null;
      const content = model.get("content");
      link.hidden = !content;
      if (!content) return;
      const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
      url = URL.createObjectURL(new Blob([bytes], { type: model.get("type") }));
      link.href = url;
      link.download = model.get("name");
      link.textContent = `Download ${model.get("name")} (${Math.ceil(bytes.length / 1000)} kB)`;
    };
    model.on("change:content", draw);
    draw();
    return () => {
      model.off("change:content", draw);
      if (url) URL.revokeObjectURL(url);
    };
  },
};
