// ipywidgets' manager on a kernel of ours. It knows ipywidgets' own widgets and anywidget's, in the versions they are built of here.
import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import * as controls from "@jupyter-widgets/controls";
import anywidget from "anywidget";
import { Comm, CONTROL, type Kernel } from "./kernel";
import { fits } from "./versions";

declare const ANYWIDGET: string;

// biome-ignore lint/suspicious/noExplicitAny: classes by their names
type Classes = Record<string, any>;
interface Known {
  version: string;
  classes: () => Classes;
}

let blocks: Classes | undefined;
const MODULES: Record<string, Known> = {
  "@jupyter-widgets/base": { version: base.JUPYTER_WIDGETS_VERSION, classes: () => base },
  "@jupyter-widgets/controls": { version: controls.JUPYTER_CONTROLS_VERSION, classes: () => controls },
  anywidget: { version: ANYWIDGET, classes: () => (blocks ??= anywidget(base)) },
};

export class Manager extends ManagerBase {
  private ready = false;
  private readonly coming = new Set<Promise<unknown>>();

  /**
   * @param kernel - where its widgets are
   * @param beyond - is called with the name of a widget that is not known here
   */
  constructor(private readonly kernel: Kernel, private readonly beyond: (name: string) => void) {
    super();
    kernel.opened = async (comm, message) => {
      if (comm.target_name !== this.comm_target_name) return comm.close();
      // biome-ignore lint/suspicious/noExplicitAny: ipywidgets' types want those of JupyterLab's services
      if (this.ready) await this.handle_comm_open(comm as any, message as any);
      else kernel.comms.delete(comm.comm_id);  // it comes with the state of all
    };
  }

  /** Make the models of all widgets that the kernel has; those that are there take their state anew. */
  async load(): Promise<void> {
    await this._loadFromKernel();
    this.ready = true;
    this.kernel.renewed = () => this.load().catch((error) => console.error(error));
  }

  override create_view<VT extends base.DOMWidgetView = base.DOMWidgetView>(model: base.DOMWidgetModel, options?: unknown): Promise<VT>;
  override create_view<VT extends base.WidgetView = base.WidgetView>(model: base.WidgetModel, options?: unknown): Promise<VT>;
  override create_view(model: base.WidgetModel, options: object = {}): Promise<never> {
    const view = super.create_view(model, options) as Promise<never>;
    const done = view.finally(() => this.coming.delete(done));
    this.coming.add(done);
    return view;
  }

  /** Until every view that was asked for is drawn, and those that they ask for. */
  async viewed(): Promise<void> {
    while (this.coming.size) await Promise.allSettled([...this.coming]);
  }

  protected override async loadClass(name: string, module: string, version: string): Promise<typeof base.WidgetModel | typeof base.WidgetView> {
    const known = MODULES[module];
    const found = known && fits(version, known.version) ? known.classes()[name] : undefined;
    if (found) return found;
    this.beyond(`${module} ${version}: ${name}`);
    return new Promise(() => undefined);  // another script shows it
  }

  /** HTML in a label, which wants a parser that is not in this script. The view that asks is drawn first. */
  override inline_sanitize(_: string): string {
    setTimeout(() => this.beyond("HTML in a label"));
    return "";
  }

  // biome-ignore lint/suspicious/noExplicitAny: ipywidgets' types want those of JupyterLab's services
  protected override async _create_comm(target: string, id?: string, data?: any, metadata?: any, buffers?: any): Promise<any> {
    const comm = new Comm(this.kernel, target, id ?? base.uuid());
    if (data !== undefined) comm.open(data, undefined, metadata, buffers);
    return comm;
  }

  protected override async _get_comm_info(): Promise<Record<string, never>> {
    throw new Error(`Expected a kernel that answers ${CONTROL}; this one does not.`);
  }
}
