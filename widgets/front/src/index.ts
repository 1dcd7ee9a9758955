// The script of a page of `tiltyard app`. It begins while the kernel starts, connects once the page names the kernel, and shows the widgets that
// the cells put out. Whatever it does not know (another kind of output, a widget of another package) it leaves to Voila's own script, all of it.
import { MessageLoop } from "@lumino/messaging";
import { Panel, Widget } from "@lumino/widgets";
import "@jupyter-widgets/controls/css/lumino.css";
import "@jupyter-widgets/controls/css/nouislider.css";
import "@jupyter-widgets/controls/css/widgets-base.css";
import { Kernel } from "./kernel";
import { Manager } from "./manager";
import "./page.css";

const VIEW = "application/vnd.jupyter.widget-view+json";
const THEMES = ["light", "dark"];  // whose style sheets the page names
const LONGEST = 2000;  // ms that a page waits for its views; one that hangs keeps none of the others from being seen
const OUTPUT = 'script[type="application/vnd.voila.cell-output+json"]';

interface Config {
  baseUrl: string;
  kernelId: string;
  fullStaticUrl: string;
  jupyterLabTheme: string;
}

interface Output {
  output_type: string;
  data?: Record<string, unknown>;
}

declare global {
  interface Window {
    themeLoaded?: boolean;
    cellLoaded?: boolean;
    voila_finish?: () => void;
    tiltyard?: { seen?: () => void };
  }
}

const ROOT = document.documentElement;
const STYLE = (document.currentScript as HTMLScriptElement | null)?.dataset.voilaStyle;  // a script of Voila's, too
const shown: Panel[] = [];

/** Until an element of this id is there. */
const there = (id: string): Promise<HTMLElement> =>
  new Promise((resolve) => {
    const look = () => {
      const found = document.getElementById(id);
      if (found) resolve(found);
      return !!found;
    };
    if (look()) return;
    const watch = new MutationObserver(() => look() && watch.disconnect());
    watch.observe(document, { childList: true, subtree: true });
  });

const whole = (): Promise<unknown> =>
  document.readyState === "loading" ? new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve)) : Promise.resolve();

/** Whoever waits for the page's load from now on waits no longer: Voila's script begins with it. */
const loadedAlready = (): void => {
  const add = window.addEventListener;
  window.addEventListener = (kind: string, heard: EventListenerOrEventListenerObject, more?: boolean | AddEventListenerOptions) => {
    if (kind !== "load") add.call(window, kind, heard, more);
    else setTimeout(() => (typeof heard === "function" ? heard.call(window, new Event(kind)) : heard.handleEvent(new Event(kind))));
  };
};

const cookie = () => document.cookie.match(/\b_xsrf=([^;]*)/)?.[1] ?? "";

/** HTML of ours: a cell's output that names no script. */
const written = (text: string): Widget => {
  const widget = new Widget();
  for (const name of ["jp-RenderedHTMLCommon", "jp-RenderedHTML", "jp-OutputArea-output"]) widget.addClass(name);
  widget.node.innerHTML = text;
  return widget;
};

const placed = (widget: Widget, before: Element): Panel => {
  const child = new Panel();
  child.addClass("jp-OutputArea-child");
  child.addWidget(widget);
  Widget.attach(child, before.parentElement as HTMLElement, before as HTMLElement);
  shown.push(child);
  return child;
};

class Page {
  private readonly kernel: Kernel;
  private readonly manager: Manager;
  private left = false;

  constructor(private readonly config: Config) {
    this.kernel = new Kernel(config.baseUrl, config.kernelId);
    this.manager = new Manager(this.kernel, (name) => this.leave(name));
    const end = () => {
      const form = new FormData();
      form.append("_xsrf", cookie());
      navigator.sendBeacon(`${config.baseUrl}voila/api/shutdown/${config.kernelId}`, form);
      this.kernel.close();
    };
    window.addEventListener("beforeunload", () => this.left || end());
  }

  async show(): Promise<void> {
    const models = this.manager.load();
    await whole();
    const outputs = [...document.querySelectorAll(OUTPUT)];
    const read = outputs.map((one) => JSON.parse(one.textContent ?? "{}") as Output);
    const strange = read.find((one) => !this.knows(one));
    if (strange) return this.leave(Object.keys(strange.data ?? {}).join(", ") || strange.output_type);
    if (!THEMES.includes(this.config.jupyterLabTheme)) return this.leave(`the theme ${this.config.jupyterLabTheme}`);
    await models.catch((error) => this.leave(String(error)));
    ROOT.classList.add("tiltyard-arriving");
    (await there("rendered_cells")).style.display = "";
    for (const [index, output] of read.entries()) if (!this.left) await this.output(output, outputs[index]);
    await Promise.race([this.manager.viewed(), new Promise((resolve) => setTimeout(resolve, LONGEST))]);
    if (this.left) return;
    ROOT.classList.remove("tiltyard-arriving");
    window.themeLoaded = true;
    window.voila_finish?.();
    window.tiltyard?.seen?.();
    window.addEventListener("resize", () => {
      for (const panel of shown) MessageLoop.sendMessage(panel, Widget.ResizeMessage.UnknownSize);
    });
  }

  private knows({ output_type, data }: Output): boolean {
    if (!["display_data", "execute_result"].includes(output_type) || !data) return false;
    return VIEW in data || (typeof data["text/html"] === "string" && !/<script/i.test(data["text/html"]));
  }

  private async output({ data }: Output, place: Element): Promise<void> {
    const view = data?.[VIEW] as { model_id: string } | undefined;
    if (!view) {
      placed(written(data?.["text/html"] as string), place);
      return;
    }
    const model = await this.manager.get_model(view.model_id);
    const made = await this.manager.create_view(model);
    if (this.left) return;
    const panel = new Panel();
    panel.addClass("jp-OutputArea-output");
    panel.addWidget(made.luminoWidget);
    placed(panel, place);
  }

  /** To Voila's own script, as if this one had never been. */
  private leave(what: string): void {
    if (this.left) return;
    this.left = true;
    console.info(`Voila's own script shows this page, for this one does not know ${what}.`);
    this.kernel.close();
    for (const panel of shown.splice(0)) panel.dispose();
    ROOT.classList.remove("tiltyard-front", "tiltyard-arriving");
    void whole().then(() => {
      if (document.readyState === "complete") loadedAlready();
      for (const address of [STYLE, `${this.config.fullStaticUrl}/voila.js`]) {
        if (!address) continue;
        const script = document.createElement("script");
        script.async = false;  // one after the other
        script.src = address;
        document.body.append(script);
      }
    });
  }
}

ROOT.classList.add("tiltyard-front");
void there("jupyter-config-data").then((found) => new Page(JSON.parse(found.textContent ?? "")).show());
