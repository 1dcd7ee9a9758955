/** Before a cell loads a model file, what a scan says of that file: a hint above the cell, which never blocks. */

import { PathExt } from '@jupyterlab/coreutils';
import type { Cell, ICellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import { PanelLayout, Widget } from '@lumino/widgets';
import { Refusal } from './api';
import { button, el } from './dom';
import type { ScanAnswer } from './generated/api';
import type { Services } from './services';
import { loads } from './loads';
import { remembered } from './remembered';
import { first } from './scans';

const SOON = 800;
const PLUGIN = 'tiltyard:plugin';
const TOGGLE = 'tiltyard:toggle-hints';

export async function addGuard(all: Services): Promise<void> {
  const { app, notebooks, settings, trans, palette } = all;
  if (!notebooks || !settings) {
    return;
  }
  const own = await settings.load(PLUGIN);
  app.commands.addCommand(TOGGLE, {
    label: trans.__('Hints before a model file is loaded'),
    isToggled: () => own.composite['hints'] !== false,
    execute: () => own.set('hints', own.composite['hints'] === false)
  });
  palette?.addItem({ command: TOGGLE, category: trans.__('Model security') });
  const guard = (panel: NotebookPanel) => new Guard(all, own, panel);
  notebooks.forEach(guard);
  notebooks.widgetAdded.connect((_, panel) => void guard(panel));
}

/** The hints of one notebook. */
class Guard {
  constructor(
    private readonly all: Services,
    private readonly own: ISettingRegistry.ISettings,
    private readonly panel: NotebookPanel
  ) {
    const { content, context } = panel;
    const soon = () => this.soon();
    content.modelContentChanged.connect(soon);
    context.ready.then(soon, () => undefined);
    own.changed.connect(soon);
    panel.disposed.connect(() => {
      clearTimeout(this.waiting);
      own.changed.disconnect(soon);
    });
  }

  private soon(): void {
    clearTimeout(this.waiting);
    this.waiting = window.setTimeout(() => void this.look(), SOON);
  }

  private async look(): Promise<void> {
    const on = this.own.composite['hints'] !== false;
    const turn = ++this.turn;
    for (const cell of this.panel.isDisposed ? [] : this.panel.content.widgets) {
      const found = on && cell.model.type === 'code' ? loads(cell.model.sharedModel.getSource()) : [];
      const shown = await Promise.all(found.map(load => this.verdictOn(load.path)));
      if (turn !== this.turn) {
        return;
      }
      if (!cell.isDisposed) {
        this.hint(cell, shown.filter((one): one is FileHint => one !== null));
      }
    }
  }

  /** One file's verdict; nothing for a file that is not there, or where nobody can tell. */
  private async verdictOn(name: string): Promise<FileHint | null> {
    const { api, app } = this.all;
    const here = PathExt.dirname(app.serviceManager.contents.localPath(this.panel.context.path));
    const path = name.startsWith('/') ? name.slice(1) : PathExt.join(here, name);
    try {
      const { last_modified } = await app.serviceManager.contents.get(path, { content: false });
      const key = `${path} ${last_modified}`;
      const [file] = (await remembered(this.known, key, () => api.post<ScanAnswer>('scan', { path }))).files;
      const verdict = file?.verdict?.verdict ?? 'unproven';
      return { name, verdict, why: file?.verdict ? first(file) : (file?.problem ?? '') };
    } catch (error) {
      return error instanceof Refusal && error.status >= 500 ? { name, verdict: 'unproven', why: error.message } : null;
    }
  }

  private hint(cell: Cell<ICellModel>, shown: FileHint[]): void {
    const key = JSON.stringify(shown);
    const known = this.hints.get(cell);
    if (known?.key === key || (!known && !shown.length)) {
      return;
    }
    known?.widget.dispose();
    this.hints.delete(cell);
    if (shown.length && cell.layout instanceof PanelLayout) {
      const widget = new Widget({ node: this.node(shown) });
      cell.layout.insertWidget(1, widget);
      this.hints.set(cell, { key, widget });
    }
  }

  private node(shown: FileHint[]): HTMLElement {
    const { trans } = this.all;
    const lines = shown.map(({ name, verdict, why }) => el('li', { 'data-verdict': verdict }, el('strong', {}, `${name}: ${trans.__(verdict)}. `), why));
    const off = button(trans.__('Turn these hints off'), () => void this.own.set('hints', false));
    return el('div', { class: 'tiltyard-hint', role: 'note', 'aria-label': trans.__('Scan before load') }, el('ul', {}, ...lines), off);
  }

  private readonly hints = new WeakMap<Cell<ICellModel>, { key: string; widget: Widget }>();
  private readonly known = new Map<string, Promise<ScanAnswer>>();
  private waiting = 0;
  private turn = 0;
}

interface FileHint {
  name: string;
  verdict: string;
  why: string;
}
