// What a page says while it waits, when it is about to end, and where it could not be shown; and the button that logs out.
(() => {
  const LOOK = 10_000, UNSHOWN = 90_000, SETTLED = 700, WORDS = 3_000, AGAIN = [5, 10, 20, 40, 60], TURN = 1_000, TRIES = "tiltyard-tries";
  const get = (id) => document.getElementById(id);
  const cookie = () => document.cookie.split("; ").find((one) => one.startsWith("_xsrf="))?.slice(6) ?? "";
  const ordinal = (n) => n + (n % 100 - n % 10 === 10 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th");
  let page = "", shown = false, over = false, pending = 0, widgets = false, words = 0, turns = 0;

  const spinner = (text) => {
    const place = get("loading_text");
    if (!place) return;
    place.setAttribute("role", "status");
    place.textContent = text;
  };

  const starting = () => {
    spinner("Starting");
    const turning = setInterval(() => {
      const sign = document.querySelector("#loading .spinner");
      if (shown || over || !sign) clearInterval(turning);
      else sign.style.transform = `rotate(${45 * ++turns}deg)`;
    }, TURN);
  };

  const notice = (text, label, act) => {
    const box = get("tiltyard-page-notice");
    if (!box) return;
    box.hidden = !text;
    box.querySelector("span").textContent = text;
    const button = box.querySelector("button");
    button.hidden = !label;
    button.textContent = label ?? "";
    button.onclick = act;
  };

  const tell = (said) =>
    fetch(page, { method: "POST", body: new URLSearchParams({ said, _xsrf: cookie() }), redirect: "manual" }).catch(() => null);

  // It is opened anew by itself a few times, each later than the one before.
  const failed = (why) => {
    if (over || shown) return;
    over = true;
    const tries = Number(sessionStorage.getItem(TRIES) ?? 0);
    const wait = AGAIN[tries];
    sessionStorage.setItem(TRIES, String(tries + 1));
    const next = wait ? `It tries again in ${wait} seconds.` : "It was tried several times.";
    spinner(why);
    notice(`${why} ${next}`, "Try now", () => location.reload());
    if (wait) setTimeout(() => location.reload(), 1000 * wait);
  };

  const look = async () => {
    if (over) return;
    const answer = await fetch(page, { redirect: "manual" }).catch(() => null);
    if (!answer) return;  // no connection now; the page's own script tries that
    if (!answer.ok) {
      over = true;
      const login = answer.type === "opaqueredirect" || answer.status === 403;
      notice(login ? "Your login has ended." : "This page has ended. What it had finished is in the history.", login ? "Log in" : "Open it anew", () => location.reload());
      return;
    }
    const { ends, warning } = await answer.json();
    if (ends > warning) return notice("");
    const minutes = Math.max(1, Math.round(ends / 60));
    notice(`Nobody has used this page for a while. It ends in ${minutes} minute${minutes > 1 ? "s" : ""}.`, "Keep it open", async () => {
      await tell("stay");
      await look();
    });
  };

  // A page is shown once what can be used or read is there and nothing more comes; of widgets their frame alone is not.
  const CONTROL = "button, input, select, textarea, img, svg, canvas, table";
  const visible = () => {
    const cells = get("rendered_cells");
    if (!cells || cells.style.display === "none") return false;
    if (!widgets) return [...cells.querySelectorAll(".jp-OutputArea-output, .jp-RenderedMarkdown")].some((one) => one.offsetHeight > 0);
    const found = [...cells.querySelectorAll(".jupyter-widgets")].filter((one) => one.offsetHeight > 0);
    return found.some((one) => one.matches(CONTROL) || one.querySelector(CONTROL)) || (found.some((one) => one.textContent.trim()) && Date.now() > words + WORDS);
  };

  const seen = () => {
    if (shown || !visible()) return;
    shown = true;
    watch.disconnect();
    sessionStorage.removeItem(TRIES);
    tell("shown");
  };

  const watch = new MutationObserver(() => {
    clearTimeout(pending);
    pending = setTimeout(seen, SETTLED);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const out = get("tiltyard-logout");
    out?.addEventListener("submit", () => { out.elements._xsrf.value = cookie(); });
    const config = get("jupyter-config-data");
    if (!config) return failed("This page did not come whole.");
    const { baseUrl, kernelId } = JSON.parse(config.textContent);
    page = `${baseUrl}tiltyard/page/${kernelId}`;
    widgets = [...document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')].some((one) => one.textContent.includes("widget-view+json"));
    watch.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["style"] });
    setTimeout(() => failed("This page has nothing to show yet."), UNSHOWN);
    setTimeout(seen, WORDS + SETTLED);
    words = Date.now();
    setInterval(look, LOOK);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
    window.addEventListener("pagehide", () => shown || navigator.sendBeacon(page, new URLSearchParams({ said: "left", _xsrf: cookie() })));
  });

  window.tiltyard = {
    failed,
    starting,
    seen: () => seen(),
    preparing: () => spinner("Starting. The app itself was started a moment ago; its first page waits until it is ready."),
    waiting: (place, of) => spinner(`Starting: ${ordinal(place)} of ${of}`),
    roomless: (place, of) => spinner(`All places are taken. You are ${ordinal(place)} of ${of} who wait for the next; this page goes on by itself.`),
  };
})();
