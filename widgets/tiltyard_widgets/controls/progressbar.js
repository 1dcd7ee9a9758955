function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export default {
  render({ model, el }) {
    el.classList.add("tiltyard");
    const fillBar = h("div", { class: "ty-fill" });
    const bar = h("div", { class: "ty-track", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, fillBar);
    const percent = h("span", { class: "ty-percent" });
    const cancel = h("button", { type: "button", class: "ty-button ty-danger" }, "Cancel");
    const status = h("span");
    const times = h("span");
    const line = h("div", { class: "ty-line" }, bar, percent, cancel);
    const root = h("div", { class: "ty-progress" }, line, h("div", { class: "ty-status" }, status, times));
    // A screen reader hears start, end and every tenth, not each step.
    const spoken = h("span", { class: "ty-hidden", role: "status" });
    el.append(root, spoken);
    let since = 0, base = 0, timer = null, tenth = null;

    const clock = () => {
      const elapsed = base + (performance.now() - since) / 1000;
      const left = model.get("left");
      const still = left === null ? null : Math.max(0, left - (elapsed - base));
      times.textContent = `${duration(elapsed)} elapsed${still === null ? "" : `, about ${duration(still)} left`}`;
    };
    const draw = () => {
      const [active, value, message] = [model.get("active"), model.get("value"), model.get("message")];
      const known = value >= 0;
      const share = Math.round(100 * Math.min(1, Math.max(0, value)));
      const focused = document.activeElement === cancel;
      root.hidden = !active && !message;
      line.hidden = !active;
      const waiting = active && model.get("waiting");
      bar.hidden = percent.hidden = waiting;
      cancel.textContent = waiting ? "Remove from the queue" : "Cancel";
      times.hidden = !active || waiting;
      root.dataset.known = String(known);
      status.textContent = model.get("cancelling") && active ? "Cancelling …" : message;
      fillBar.style.width = known ? `${share}%` : "";
      if (known) bar.setAttribute("aria-valuenow", share); else bar.removeAttribute("aria-valuenow");
      bar.setAttribute("aria-valuetext", known ? `${share} %, ${message}` : message || "working");
      percent.textContent = known ? `${share} %` : "";
      cancel.disabled = model.get("cancelling");
      const step = active ? (known ? Math.floor(share / 10) : -1) : "idle";
      if (step !== tenth) { spoken.textContent = tenth === null && !active ? "" : active ? `${known ? `${share} %. ` : ""}${message}` : message; tenth = step; }
      if (!active && focused) { root.tabIndex = -1; root.focus(); }
      base = model.get("elapsed");
      since = performance.now();
      if (active) clock();
      if (active && timer === null) timer = setInterval(clock, 1000);
      if (!active && timer !== null) { clearInterval(timer); timer = null; }
    };
    cancel.addEventListener("click", () => { cancel.disabled = true; status.textContent = "Cancelling …"; model.send({ event: "cancel" }); });
    draw();
    const stop = watch(model, ["value", "message", "elapsed", "left", "active", "cancelling", "waiting"], draw);
    return () => { stop(); clearInterval(timer); };
  },
};
