// Brings the blocks of a saved page to life without a kernel: each gets its state and its own script, and nothing to talk to.
class Still {
  constructor(state) { this.state = state; this.calls = {}; }
  get(key) { return this.state[key]; }
  set(key, value) {
    const before = this.state[key];
    this.state[key] = value;
    if (before !== value) for (const call of this.calls[`change:${key}`] ?? []) call();
  }
  on(event, call) { this.calls[event] = [...(this.calls[event] ?? []), call]; }
  off(event, call) { this.calls[event] = (this.calls[event] ?? []).filter((one) => one !== call); }
  save_changes() {}
  send() {}
}
const saved = JSON.parse(document.getElementById("tiltyard-saved").textContent);
const modules = saved.scripts.map((text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))));
for (const [place, { script, state }] of saved.blocks.entries()) {
  const el = document.querySelector(`[data-block="${place}"]`);
  modules[script].then((module) => module.default.render({ model: new Still(state), el })).catch((error) => { el.textContent = `Cannot be drawn: ${error.message}`; });
}
