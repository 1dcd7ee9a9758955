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
import { summary, WORDS } from './summary';
import { shield } from './icon';
import type { Offered } from './menus';
import { CATEGORY, OPEN } from './tabs';
import { complain } from './tell';
import type { Verdicts } from './verdicts';

const MOMENT = 400; // ms
const SCAN = 'tiltyard:scan';
const SCAN_FOLDER = 'tiltyard:scan-folder';
const ASSESS = 'tiltyard:assess';
const ITEM = '.jp-DirListing-item[data-isdir="false"]';
const LISTING = '.jp-DirListing-content'; // folders in it, and the empty place below
const MOST_LISTED = 200;

export function addScans(all: Services, verdicts: Verdicts, offered: Offered): void {
  const { app, trans, files, palette } = all;
  if (!files) {
    return;
  }
  const selected = () => [...(files.tracker.currentWidget?.selectedItems() ?? [])];
  const chosen = () => selected().filter(item => item.type !== 'directory');
  const folders = () => selected().filter(item => item.type === 'directory');
  const models = () => chosen().filter(item => offered.scans(item.path));
  const all_ = () => models().length > 0 && models().length === chosen().length && !folders().length;
  const here = () => files.tracker.currentWidget?.model.path ?? '';
  app.commands.addCommand(SCAN, {
    label: args => (args['isPalette'] ? trans.__('Scan the selected model files') : trans.__('Scan')),
    caption: trans.__('May these model files be loaded? They are read, never run'),
    icon: shield,
    isVisible: all_,
    execute: () => scan(all, verdicts, models())
  });
  app.commands.addCommand(SCAN_FOLDER, {
    label: args => (args['isPalette'] ? trans.__('Scan this folder') : trans.__('Scan folder')),
    caption: trans.__('May the model files in this folder and below be loaded? They are read, never run'),
    icon: shield,
    isVisible: () => chosen().length === 0 && folders().length <= 1,
    execute: () => scanFolder(all, verdicts, folders()[0]?.path ?? here())
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
  app.contextMenu.addItem({ command: SCAN_FOLDER, selector: LISTING, rank: 3.1 });
  for (const command of [SCAN, SCAN_FOLDER, ASSESS]) {
    palette?.addItem({ command, category: trans.__(CATEGORY), args: { isPalette: true } });
  }
  const badge = (browser: FileBrowser) => new Badges(all, verdicts, browser);
  files.tracker.forEach(badge);
  files.tracker.widgetAdded.connect((_, browser) => void badge(browser));
}

/** Have files scanned by one process, and say once what came out. */
async function scan({ app, api, trans }: Services, verdicts: Verdicts, items: Contents.IModel[]): Promise<void> {
  const local = (item: Contents.IModel) => app.serviceManager.contents.localPath(item.path);
  const name = items.length === 1 ? items[0].name : trans.__('%1 files', items.length);
  const done = waiting(trans.__('Scanning %1 …', name));
  try {
    const answer = await api.post<ScanAnswer>('scan', items.length === 1 ? { path: local(items[0]) } : { paths: items.map(local) });
    items.forEach((item, i) => verdicts.set(local(item), answer.files[i]?.verdict?.verdict ?? '', item.last_modified));
    if (items.length === 1) {
      sayOne(trans, items[0].name, answer);
    } else {
      sayMany(trans, answer);
    }
  } catch (error) {
    complain(trans, error, `${name}: `);
  } finally {
    done();
  }
}

/** Have a folder scanned, and say once what came out. */
async function scanFolder({ app, api, trans }: Services, verdicts: Verdicts, folder: string): Promise<void> {
  const path = app.serviceManager.contents.localPath(folder);
  const name = PathExt.basename(path) || trans.__('the top folder');
  const done = waiting(trans.__('Scanning %1 …', name));
  try {
    const answer = await api.post<ScanAnswer>('scan', { path });
    await verdicts.look(path);
    sayMany(trans, answer, name);
  } catch (error) {
    complain(trans, error, `${name}: `);
  } finally {
    done();
  }
}

function sayOne(trans: TranslationBundle, name: string, { files, remark }: ScanAnswer): void {
  const [file] = files;
  const verdict = file?.verdict?.verdict;
  const text = verdict ? `${name}: ${trans.__(verdict)}. ${first(file)}` : `${name}: ${file?.problem || remark}`;
  const actions = file?.verdict ? [{ label: trans.__('Details'), callback: () => void details(file, trans) }] : [];
  Notification.emit(text, kind(verdict ?? 'unproven'), { autoClose: verdict === 'safe' ? 8000 : false, actions });
}

function sayMany(trans: TranslationBundle, answer: ScanAnswer, name = ''): void {
  const worst = WORDS.find(word => answer.files.some(file => file.kind !== 'document' && (file.verdict?.verdict ?? 'unproven') === word)) ?? 'unproven';
  const actions = [{ label: trans.__('Details'), callback: () => void table(answer, trans) }];
  const text = `${name ? `${name}: ` : ''}${summary(trans, answer)}`;
  Notification.emit(text, kind(worst), { autoClose: worst === 'safe' ? 8000 : false, actions });
}

function kind(verdict: string): 'success' | 'error' | 'warning' {
  return verdict === 'safe' ? 'success' : verdict === 'malicious' ? 'error' : 'warning';
}

/** Every file with its verdict and its gravest reason, the worst first. */
async function table(answer: ScanAnswer, trans: TranslationBundle): Promise<void> {
  const word = (file: ScannedFile) => file.verdict?.verdict ?? 'unproven';
  const models = answer.files.filter(file => file.kind === 'model' || file.kind === 'link');
  const sorted = [...models].sort((a, b) => WORDS.indexOf(word(a)) - WORDS.indexOf(word(b)));
  const lines = sorted.slice(0, MOST_LISTED).map(file => el('li', { 'data-verdict': word(file) }, el('strong', {}, `${file.path}: ${trans.__(word(file))}. `), file.verdict ? first(file) : file.problem));
  const rest = sorted.length > MOST_LISTED ? [el('p', { class: 'tiltyard-muted' }, trans.__('and %1 more', sorted.length - MOST_LISTED))] : [];
  const node = el('div', { class: 'tiltyard-verdict' }, el('p', {}, summary(trans, answer)), el('ul', {}, ...lines), ...rest);
  await showDialog({ title: trans.__('Scan'), body: new Widget({ node }), buttons: [Dialog.okButton({ label: trans.__('Close') })] });
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
    browser.model.pathChanged.connect(this.look, this);
    browser.disposed.connect(() => {
      seen.disconnect();
      verdicts.changed.disconnect(this.draw, this);
      browser.model.pathChanged.disconnect(this.look, this);
    });
    this.draw();
    this.look();
  }

  private look(): void {
    void this.verdicts.look(this.all.app.serviceManager.contents.localPath(this.browser.model.path));
  }

  private draw(): void {
    const items = new Map([...this.browser.model.items()].map(item => [item.name, item]));
    for (const node of this.browser.node.querySelectorAll('.jp-DirListing-item')) {
      const name = node.querySelector('.jp-DirListing-itemText')?.textContent ?? '';
      const item = items.get(name);
      this.mark(node, item ? this.verdicts.of(this.all.app.serviceManager.contents.localPath(item.path), item.last_modified) : '');
    }
  }

  private mark(node: Element, verdict: string): void {
    const known = node.querySelector<HTMLElement>('.tiltyard-badge');
    const badge = WORDS.includes(verdict) ? verdict : '';
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
