/** Scans from the file browser: the verdict in place, without a kernel, and a badge on what is not safe. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { el } from './dom';
import type { ScanAnswer, ScannedFile } from './generated/api';
import type { Services } from './services';
import { shield } from './icon';
import type { Offered } from './menus';
import { CATEGORY, OPEN } from './tabs';
import { complain } from './tell';
import type { Verdicts } from './verdicts';

const MOMENT = 400; // ms
const SCAN = 'tiltyard:scan';
const ASSESS = 'tiltyard:assess';
const ITEM = '.jp-DirListing-item[data-isdir="false"]';

export function addScans(all: Services, verdicts: Verdicts, offered: Offered): void {
  const { app, trans, files, palette } = all;
  if (!files) {
    return;
  }
  const chosen = () => [...(files.tracker.currentWidget?.selectedItems() ?? [])].filter(item => item.type !== 'directory');
  const models = () => chosen().filter(item => offered.scans(item.path));
  const all_ = () => models().length > 0 && models().length === chosen().length;
  app.commands.addCommand(SCAN, {
    label: args => (args['isPalette'] ? trans.__('Scan the selected model file') : trans.__('Scan')),
    caption: trans.__('May this model file be loaded? It is read, never run'),
    icon: shield,
    isVisible: all_,
    execute: () => Promise.all(models().map(item => scan(all, verdicts, item)))
  });
  app.commands.addCommand(ASSESS, {
    label: args => (args['isPalette'] ? trans.__('Assess the selected model file') : trans.__('Assess in Tiltyard')),
    icon: shield,
    isVisible: () => all_() && models().length === 1,
    execute: () => {
      const path = app.serviceManager.contents.localPath(models()[0].path);
      const source = { source: 'files', model_file: PathExt.basename(path) };
      return app.commands.execute(OPEN, { cwd: PathExt.dirname(path), state: { panel: 'load', source } });
    }
  });
  app.contextMenu.addItem({ command: SCAN, selector: ITEM, rank: 3.1 });
  app.contextMenu.addItem({ command: ASSESS, selector: ITEM, rank: 3.2 });
  for (const command of [SCAN, ASSESS]) {
    palette?.addItem({ command, category: trans.__(CATEGORY), args: { isPalette: true } });
  }
  const badge = (browser: FileBrowser) => new Badges(all, verdicts, browser);
  files.tracker.forEach(badge);
  files.tracker.widgetAdded.connect((_, browser) => void badge(browser));
}

/** Have one file scanned, and say what came out. */
async function scan({ app, api, trans }: Services, verdicts: Verdicts, item: Contents.IModel): Promise<void> {
  const path = app.serviceManager.contents.localPath(item.path);
  const done = waiting(trans.__('Scanning %1 …', item.name));
  try {
    const { files, remark } = await api.post<ScanAnswer>('scan', { path });
    const [file] = files;
    const verdict = file?.verdict?.verdict;
    verdicts.set(item.path, verdict ?? '', item.last_modified);
    const text = verdict ? `${item.name}: ${trans.__(verdict)}. ${first(file)}` : `${item.name}: ${file?.problem || remark}`;
    const type = verdict === 'safe' ? 'success' : verdict === 'malicious' ? 'error' : 'warning';
    const actions = file?.verdict ? [{ label: trans.__('Details'), callback: () => void details(file, trans) }] : [];
    Notification.emit(text, type, { autoClose: verdict === 'safe' ? 8000 : false, actions });
  } catch (error) {
    complain(trans, error, `${item.name}: `);
  } finally {
    done();
  }
}

/** Say that something goes on where it takes a moment; the function given back takes that away. JupyterLab loses what comes too soon after. */
function waiting(text: string): () => void {
  let shown = '';
  const soon = setTimeout(() => (shown = Notification.emit(text, 'in-progress', { autoClose: false })), MOMENT);
  return () => {
    clearTimeout(soon);
    setTimeout(() => shown && Notification.dismiss(shown), MOMENT);
  };
}

/** The gravest reason in a few words. */
export function first(file: ScannedFile): string {
  const reasons = file.verdict?.reasons ?? [];
  const gravest = reasons[0]; // worst first
  return gravest ? `${gravest.what}: ${gravest.why}` : '';
}

async function details(file: ScannedFile, trans: TranslationBundle): Promise<void> {
  const found = file.verdict!;
  const reasons = found.reasons.map(r => el('li', {}, el('strong', {}, trans.__(r.grade)), ` ${r.where ? `${r.where}: ` : ''}${r.what}: ${r.why}`));
  const node = el('div', { class: 'tiltyard-verdict' }, el('p', {}, trans.__('%1, %2 bytes', found.format, found.size.toLocaleString())), el('ul', {}, ...reasons), el('p', { class: 'tiltyard-muted' }, `SHA-256 ${found.sha256}`));
  await showDialog({ title: `${found.name}: ${trans.__(found.verdict)}`, body: new Widget({ node }), buttons: [Dialog.okButton({ label: trans.__('Close') })] });
}

/** Badges in one file browser: put anew whenever it draws its list. */
class Badges {
  constructor(
    private readonly all: Services,
    private readonly verdicts: Verdicts,
    private readonly browser: FileBrowser
  ) {
    const seen = new MutationObserver(() => this.draw());
    seen.observe(browser.node, { childList: true, subtree: true });
    verdicts.changed.connect(this.draw, this);
    browser.disposed.connect(() => {
      seen.disconnect();
      verdicts.changed.disconnect(this.draw, this);
    });
    this.draw();
  }

  private draw(): void {
    const items = new Map([...this.browser.model.items()].map(item => [item.name, item]));
    for (const node of this.browser.node.querySelectorAll('.jp-DirListing-item')) {
      const name = node.querySelector('.jp-DirListing-itemText')?.textContent ?? '';
      const item = items.get(name);
      this.mark(node, item ? this.verdicts.of(item.path, item.last_modified) : '');
    }
  }

  private mark(node: Element, verdict: string): void {
    const known = node.querySelector<HTMLElement>('.tiltyard-badge');
    const badge = verdict === 'safe' ? '' : verdict;
    if ((known?.dataset.verdict ?? '') === badge) {
      return;
    }
    known?.remove();
    if (badge) {
      const { trans } = this.all;
      const title = trans.__('Tiltyard: a scan found this file %1', trans.__(badge));
      node.querySelector('.jp-DirListing-itemName')?.append(el('span', { class: 'tiltyard-badge', 'data-verdict': badge, title }, trans.__(badge)));
    }
  }
}
