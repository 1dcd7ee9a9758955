// Writes run, topic, step and load into the page's own address, so that a reload or another device comes back to them. Voila's pages have an
// address of their own; JupyterLab's belongs to JupyterLab.
const NAMES = ["run", "topic", "step", "load"];
const SECRETS = ["token", "password"];
const own = () => document.getElementById("rendered_cells") !== null;

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    el.style.display = "none";
    const write = () => {
      if (!own()) return;
      const before = new URLSearchParams(location.search);
      const after = new URLSearchParams();
      for (const [name, value] of before) if (!NAMES.includes(name) && !SECRETS.includes(name)) after.append(name, value);
      for (const name of NAMES) if (model.get(name)) after.append(name, model.get(name));
      const query = after.toString();
      const address = `${location.pathname}${query ? `?${query}` : ""}${location.hash}`;
      if (address !== `${location.pathname}${location.search}${location.hash}`) history.replaceState(history.state, "", address);
    };
    write();
    return watch(model, NAMES, write);
  },
};
