/** The workbench as a tab with a kernel of its own: an output area in which the kernel's one window is shown. */

import { registerWidgetManager } from '@jupyter-widgets/jupyterlab-manager';
import { Dialog, type ISessionContext, MainAreaWidget, SessionContext, SessionContextDialogs, showDialog, Toolbar } from '@jupyterlab/apputils';
import { OutputAreaModel, SimplifiedOutputArea } from '@jupyterlab/outputarea';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Kernel, KernelMessage, ServiceManager } from '@jupyterlab/services';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { ToolbarButton } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
import { line } from './api';
import { button, el } from './dom';
import { shield } from './icon';
import { opening, type State, stateOf } from './state';

const VIEW = 'application/vnd.jupyter.widget-view+json';
const COMM = 'tiltyard';
const TRIES = 10;
const PAUSE = 300; // ms

export interface Opened {
  services: ServiceManager.IManager;
  rendermime: IRenderMimeRegistry;
  translator: ITranslator;
  trans: TranslationBundle;
  /** The session's name among the server's: another tab with it finds the same kernel. */
  path: string;
  state: State;
}

/** The server's default kernel, where it is one of Python: of several nobody is asked which. */
function usual({ kernelspecs }: ServiceManager.IManager): string | undefined {
  const specs = kernelspecs.specs;
  return specs && specs.kernelspecs[specs.default]?.language === 'python' ? specs.default : undefined;
}

/** A line above the window, for what its kernel cannot say. */
class Notice extends Widget {
  constructor() {
    super();
    this.addClass('tiltyard-notice');
    this.node.setAttribute('role', 'status');
    this.hide();
  }

  say(text: string, ...actions: HTMLElement[]): void {
    this.node.replaceChildren(el('span', {}, text), ...actions);
    this.setHidden(!text);
  }
}

export class WorkbenchPanel extends Panel {
  constructor(private readonly opened: Opened) {
    super();
    const { services, translator, trans, path } = opened;
    this.addClass('tiltyard-workbench');
    this.state = opened.state;
    this.dialogs = new SessionContextDialogs({ translator });
    this.context = new SessionContext({
      sessionManager: services.sessions,
      specsManager: services.kernelspecs,
      kernelManager: services.kernels,
      path,
      name: trans.__('Model security workbench'),
      type: 'tiltyard',
      kernelPreference: { name: usual(services), language: 'python', shutdownOnDispose: true },
      translator
    });
    this.rendermime = opened.rendermime.clone();
    this.rendermime.removeMimeType(VIEW);
    this.area = new SimplifiedOutputArea({ model: new OutputAreaModel({ trusted: true }), rendermime: this.rendermime });
    this.addWidget(this.notice);
    this.addWidget(this.area);
    this.context.kernelChanged.connect((_, { newValue }) => newValue && this.listen(newValue));
    this.context.statusChanged.connect((_, status) => this.follow(status));
  }

  readonly context: ISessionContext;
  readonly dialogs: ISessionContext.IDialogs;
  state: State;

  /** Something else is shown than before. */
  get changed(): ISignal<this, State> {
    return this._changed;
  }

  /** Find or start the kernel, and show its window. */
  async start(): Promise<void> {
    this.notice.say(this.opened.trans.__('Starting a kernel …'));
    try {
      if (await this.context.initialize()) {
        await this.dialogs.selectKernel(this.context);
      }
      await this.context.ready;
      this.manage();
      while (!this.isDisposed && !this.rendermime.getFactory(VIEW)) {
        await new Promise(done => setTimeout(done, 5));
      }
      await this.present();
    } catch (error) {
      if (!this.isDisposed) {
        this.notice.say(line(error));
      }
    }
  }

  /** Show the panel of this name. */
  go(panel: string): void {
    this.state = { ...this.state, panel };
    this._comm?.send({ panel });
  }

  override dispose(): void {
    this._manager?.dispose();
    this.context.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  /** Have ipywidgets render what this kernel makes; a tab is to it what a notebook is, with nothing to be saved. */
  private manage(): void {
    const context = {
      sessionContext: this.context,
      saveState: new Signal<this, string>(this),
      model: { getMetadata: () => undefined, setMetadata: () => undefined, dirty: false },
      urlResolver: { resolveUrl: async (url: string) => url, getDownloadUrl: async (url: string) => url }
    };
    const renderers = [][Symbol.iterator]();
    this._manager = registerWidgetManager(context as unknown as Parameters<typeof registerWidgetManager>[0], this.rendermime, renderers);
  }

  private listen(kernel: Kernel.IKernelConnection): void {
    kernel.registerCommTarget(COMM, (comm, opening) => {
      this._comm = comm;
      this.received(opening.content.data);
      comm.onMsg = message => this.received(message.content.data);
    });
    if (this._shown) {
      void this.present();
    }
  }

  private received(data: unknown): void {
    this.state = stateOf(data);
    this._changed.emit(this.state);
  }

  /** A kernel that comes back after a restart has lost the window: show it anew. */
  private follow(status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting') {
      this._lost = true;
      this._cut = this._cut || this.state.busy;
      this._restarted = true;
      this._comm = undefined;
    } else if (status === 'idle' && this._lost && this._shown) {
      this._lost = false;
      void this.present();
    } else if (status === 'dead') {
      const { trans } = this.opened;
      const again = button(trans.__('Start it again'), () => void this.context.restartKernel());
      this.notice.say(trans.__('The kernel of this tab has died. Finished steps are in the history.'), again);
    }
  }

  private async present(): Promise<void> {
    try {
      await this.shown();
    } catch (error) {
      this.notice.say(this.isDisposed ? '' : line(error));
    }
  }

  private async shown(): Promise<void> {
    const { trans } = this.opened;
    this.notice.say(trans.__('Loading the workbench …'));
    this._shown = true;
    const reply = await this.patiently();
    if (reply.content.status === 'error') {
      this.failed(reply.content);
    } else if (this._restarted) {
      const message = this._cut ? trans.__('The kernel was restarted: “%1” was cut off.', this._cut) : trans.__('The kernel was restarted.');
      const close = button(trans.__('Close'), () => this.seen());
      this.notice.say(`${message} ${trans.__('What was finished before is in the history.')}`, close);
    } else {
      this.notice.say('');
    }
  }

  private seen(): void {
    this._restarted = false;
    this._cut = '';
    this.notice.say('');
  }

  /** A restart may cut the request off; then it is sent again once the kernel is back. */
  private async patiently(): Promise<KernelMessage.IExecuteReplyMsg> {
    for (let tries = 1; ; tries++) {
      try {
        this._lost = false;
        return await this.run();
      } catch (error) {
        if (tries === TRIES || this.isDisposed || !/cancell?ed/i.test(line(error))) {
          throw error;
        }
        await new Promise(done => setTimeout(done, PAUSE));
        await this.connected();
      }
    }
  }

  private async connected(): Promise<void> {
    while (!this.isDisposed && this.context.session?.kernel?.connectionStatus !== 'connected') {
      await new Promise(done => setTimeout(done, PAUSE));
    }
  }

  private async run(): Promise<KernelMessage.IExecuteReplyMsg> {
    const content = { code: opening(this.state), store_history: false, stop_on_error: false };
    const kernel = this.context.session?.kernel;
    if (!kernel) {
      throw new Error(this.opened.trans.__('No kernel: choose one with the button at the right of the toolbar.'));
    }
    const future = kernel.requestExecute(content);
    this.area.future = future;
    return future.done;
  }

  private failed(message: KernelMessage.IReplyErrorContent): void {
    const { trans } = this.opened;
    const choose = button(trans.__('Choose another kernel'), () => void this.dialogs.selectKernel(this.context));
    if (message.ename === 'ModuleNotFoundError' && /tiltyard/.test(message.evalue)) {
      this.area.model.clear();
      const kernel = this.context.kernelDisplayName;
      this.notice.say(trans.__('The kernel “%1” has no Tiltyard. Install it there with “pip install tiltyard”.', kernel), choose);
    } else {
      this.notice.say(trans.__('The workbench did not open: %1', `${message.ename}: ${message.evalue}`), choose);
    }
  }

  private readonly area: SimplifiedOutputArea;
  private readonly notice = new Notice();
  private readonly rendermime: IRenderMimeRegistry;
  private readonly _changed = new Signal<this, State>(this);
  private _comm?: Kernel.IComm;
  private _manager?: { dispose(): void };
  private _shown = false;
  private _lost = false;
  private _restarted = false;
  private _cut = '';
}

/** The tab: toolbar over window. */
export class WorkbenchTab extends MainAreaWidget<WorkbenchPanel> {
  constructor(opened: Opened, insert: () => void) {
    const content = new WorkbenchPanel(opened);
    super({ content });
    const { trans, translator } = opened;
    this.trans = trans;
    this.id = `tiltyard-${UUID.uuid4()}`;
    this.path = opened.path;
    this.title.label = trans.__('Model security');
    this.title.caption = trans.__('Model security workbench');
    this.title.icon = shield;
    this.title.closable = true;
    const tools: [string, Widget][] = [
      ['restart', Toolbar.createRestartButton(content.context, content.dialogs, translator)],
      ['cells', new ToolbarButton({ label: trans.__('Insert as cells'), tooltip: trans.__('Code that does the same, in the current notebook'), onClick: insert })],
      ['spacer', Toolbar.createSpacerItem()],
      ['kernel', Toolbar.createKernelNameItem(content.context, content.dialogs, translator)],
      ['status', Toolbar.createKernelStatusItem(content.context, translator)]
    ];
    tools.forEach(([name, item]) => this.toolbar.addItem(name, item));
    void content.start();
  }

  /** Names the session; see `Opened`. */
  readonly path: string;

  /** With the tab its kernel ends, and with the kernel what runs in it: then ask. */
  protected override onCloseRequest(message: Message): void {
    if (this.content.state.busy) {
      void this.ask();
    } else {
      super.onCloseRequest(message);
    }
  }

  private async ask(): Promise<void> {
    const title = this.trans.__('“%1” is running. Close the workbench and cancel it?', this.content.state.busy);
    const buttons = [Dialog.cancelButton({ label: this.trans.__('Keep it open') }), Dialog.warnButton({ label: this.trans.__('Close and cancel') })];
    if ((await showDialog({ title, buttons })).button.accept) {
      this.dispose();
    }
  }

  private readonly trans: TranslationBundle;
}
