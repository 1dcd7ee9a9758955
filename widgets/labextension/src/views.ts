/** What a click on a run opens: the run, its report, or two runs side by side; each a tab. */

import { Dialog, MainAreaWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { type Api, line } from './api';
import { button, el, swap } from './dom';
import type { Follower } from './follow';
import type { Comparison, Finding, MetricChange, RunDetail, StepItem } from './generated/api';
import { shield } from './icon';
import { frame, print, downloaded } from './report';
import { complain } from './tell';
import { outcome, progress, proof, SEVERITIES, severities, span, when } from './say';

const SOON = 300; // ms

export interface Shown {
  api: Api;
  follower: Follower;
  trans: TranslationBundle;
  execute: (command: string, args: Record<string, string>) => void;
}

/** A tab whose content is fetched, and fetched anew when there is news of it. */
export abstract class View extends Widget {
  constructor(
    protected readonly shown: Shown,
    readonly given: Record<string, string>
  ) {
    super();
    this.addClass('tiltyard-view');
    this.node.tabIndex = -1;
    this.title.icon = shield;
    this.title.closable = true;
    this.node.append(el('p', { role: 'status' }, shown.trans.__('Loading …')));
  }

  async refresh(): Promise<void> {
    const turn = ++this.turn;
    const made = await this.made().catch(error => [el('p', { class: 'tiltyard-trouble', role: 'alert' }, line(error))]);
    if (!this.isDisposed && turn === this.turn) {
      swap(this.node, ...made);
    }
  }

  protected abstract made(): Promise<HTMLElement[]>;

  private turn = 0;
}

/** A run: its steps, and what they found by severity. */
export class RunView extends View {
  constructor(shown: Shown, given: Record<string, string>) {
    super(shown, given);
    this.title.label = shown.trans.__('Run %1', given.id.slice(0, 8));
    shown.follower.news.connect(this.hear, this);
  }

  private hear(_: unknown, news: Parameters<Parameters<Follower['news']['connect']>[0]>[1]): void {
    if (news.event === 'progress' && news.data.id === this.id_ && news.data.progress && this.now.isConnected) {
      this.now.textContent = progress(this.shown.trans, news.data.progress);
      return;
    }
    const about = news.event === 'run' || news.event === 'progress' ? news.data.id : news.event === 'record' ? news.data.step.run_id : '';
    if (about === this.id_ || news.event === 'hello') {
      clearTimeout(this.later);
      this.later = window.setTimeout(() => void this.refresh(), SOON);
    }
  }

  override dispose(): void {
    clearTimeout(this.later);
    super.dispose();
  }

  protected async made(): Promise<HTMLElement[]> {
    const { api, trans } = this.shown;
    const detail = await api.get<RunDetail>(`runs/${this.given.id}`);
    const { run, steps } = detail;
    this.id_ = run.id;
    this.title.caption = run.name;
    const facts = el('dl', { class: 'tiltyard-facts' }, ...this.facts(detail));
    return [
      el('header', {}, el('h2', {}, run.name), el('div', { class: 'tiltyard-line' }, ...severities(trans, run.severities))),
      this.actions(detail),
      facts,
      el('h3', {}, trans.__('Findings by severity')),
      ...findings(trans, steps),
      el('h3', {}, trans.__('Steps')),
      steps.length ? this.table(steps) : el('p', { class: 'tiltyard-none' }, trans.__('No step began yet.'))
    ];
  }

  private facts({ run, profile, command }: RunDetail): HTMLElement[] {
    const { trans } = this.shown;
    this.now = el('dd', {}, run.progress ? progress(trans, run.progress) : '');
    const rows: [string, string | HTMLElement][] = [
      [trans.__('State'), outcome(trans, run)],
      [trans.__('Proof'), proof(trans, run, true) || (run.proof ? `✓ ${trans.__(run.proof)}` : '')],
      [trans.__('Now'), this.now.textContent ? this.now : ''],
      [trans.__('Began'), when(run.started)],
      [trans.__('Model'), `${run.target.name} (${run.target.fingerprint.slice(0, 12)})`],
      [trans.__('Data'), `${run.data.name} (${run.data.fingerprint.slice(0, 12)})`],
      [trans.__('By'), run.owner],
      [trans.__('Profile'), profile],
      [trans.__('Command'), command]
    ];
    return rows.filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), typeof value === 'string' ? el('dd', {}, value) : value]);
  }

  private actions({ run }: RunDetail): HTMLElement {
    const { trans, execute } = this.shown;
    const id = run.id;
    const idle = run.state === 'open' ? trans.__('A kernel or shell still has it open. Shut that down first.') : '';
    return el(
      'div',
      { class: 'tiltyard-actions' },
      button(trans.__('Report'), () => execute('tiltyard:show-report', { id })),
      saves(this.shown, trans.__('Save HTML'), id, 'html'),
      saves(this.shown, trans.__('Save PDF'), id, 'pdf'),
      saves(this.shown, trans.__('Save JSON'), id, 'json'),
      button(trans.__('Insert as cells'), () => execute('tiltyard:insert-cells', { run_only: id })),
      run.state === 'running'
        ? button(trans.__('Cancel the run'), () => execute('tiltyard:cancel-run', { id }))
        : button(trans.__('Delete'), () => void this.forget(id), { disabled: idle !== '', title: idle })
    );
  }

  private async forget(id: string): Promise<void> {
    const { api, trans } = this.shown;
    const body = trans.__('The run and its records are removed from the store for good.');
    const asked = await showDialog({ title: trans.__('Delete this run?'), body, buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Delete') })] });
    if (asked.button.accept) {
      try {
        await api.delete(`runs/${id}`);
        this.parent?.dispose();
      } catch (error) {
        complain(trans, error);
      }
    }
  }

  private table(steps: StepItem[]): HTMLElement {
    const { trans } = this.shown;
    const head = [trans.__('Step'), trans.__('State'), trans.__('What it says'), trans.__('Time')];
    const rows = steps.map(step => [step.title, trans.__(step.state.replace(/_/g, ' ')), step.doubt ? `✕ ${trans.__('broken')}: ${step.doubt}` : step.summary || step.problem, step.seconds === null ? '' : span(step.seconds)]);
    return table(head, rows);
  }

  private id_ = '';
  private later = 0;
  private now = el('dd');
}

/** Steps' findings, worst first. */
function findings(trans: TranslationBundle, steps: StepItem[]): HTMLElement[] {
  const all = steps.flatMap(step => step.findings.map(finding => ({ finding, step })));
  if (!all.length) {
    return [el('p', { class: 'tiltyard-none' }, trans.__('None in what was measured.'))];
  }
  const rank = (f: Finding) => (SEVERITIES.indexOf(f.severity) + SEVERITIES.length + 1) % (SEVERITIES.length + 1);
  all.sort((a, b) => rank(a.finding) - rank(b.finding));
  return all.map(({ finding, step }) =>
    el(
      'article',
      { class: 'tiltyard-finding' },
      el('h4', {}, el('span', { class: 'tiltyard-chip', 'data-severity': finding.severity }, trans.__(finding.severity)), ` ${finding.title}`),
      el('p', {}, el('b', {}, trans.__('Evidence')), ' ', finding.evidence),
      el('p', {}, el('b', {}, trans.__('What to do')), ' ', finding.advice),
      el('p', { class: 'tiltyard-muted' }, [step.title, ...finding.standards].join(' · '))
    )
  );
}

/** A table with its head, in a box that scrolls. */
function table(head: string[], rows: string[][]): HTMLElement {
  const body = rows.map(row => el('tr', {}, ...row.map(cell => el('td', {}, cell))));
  const top = el('thead', {}, el('tr', {}, ...head.map(name => el('th', { scope: 'col' }, name))));
  return el('div', { class: 'tiltyard-table', tabindex: '0', role: 'group', 'aria-label': head[0] }, el('table', {}, top, el('tbody', {}, ...body)));
}

/** A button that saves a run's report. */
function saves({ api, trans }: Shown, label: string, id: string, format: string): HTMLButtonElement {
  const name = `tiltyard-${id.slice(0, 8)}.${format === 'json' ? 'tiltyard.json' : format}`;
  const made = button(label, () => void downloaded(trans, made, () => api.open(`runs/${id}/report`, {}, { format }), name));
  return made;
}

/** The report of a stored run, made now. */
export class RunReportView extends View {
  constructor(shown: Shown, given: Record<string, string>) {
    super(shown, given);
    this.addClass('tiltyard-sheet');
    this.title.label = shown.trans.__('Report %1', given.id.slice(0, 8));
  }

  protected async made(): Promise<HTMLElement[]> {
    const { api, trans } = this.shown;
    const html = await (await api.open(`runs/${this.given.id}/report`, {}, { format: 'html' })).text();
    const tools = el(
      'div',
      { class: 'tiltyard-actions' },
      saves(this.shown, trans.__('Save HTML'), this.given.id, 'html'),
      saves(this.shown, trans.__('Save PDF'), this.given.id, 'pdf'),
      saves(this.shown, trans.__('Save JSON'), this.given.id, 'json'),
      button(trans.__('Print …'), () => print(html))
    );
    return [tools, frame(html, this.title.label)];
  }
}

/** Two runs side by side. */
export class CompareView extends View {
  constructor(shown: Shown, given: Record<string, string>) {
    super(shown, given);
    this.title.label = shown.trans.__('Compare');
    this.title.caption = shown.trans.__('%1 and %2', given.before.slice(0, 8), given.after.slice(0, 8));
  }

  protected async made(): Promise<HTMLElement[]> {
    const { api, trans, execute } = this.shown;
    const { before, after } = this.given;
    const found = await api.get<Comparison>('compare', { before, after });
    const open = (id: string, name: string) => button(`${name} ${id.slice(0, 8)}`, () => execute('tiltyard:show-run', { id }));
    const stateText = (name: string | null) => (name === null ? trans.__('not run') : trans.__(name.replace(/_/g, ' ')));
    const sides = [trans.__('Before'), trans.__('After')];
    const changed = found.changed.map(c => [c.what, c.before ?? '—', c.after ?? '—']);
    const states = found.statuses.filter(s => s.before !== s.after).map(s => [s.title, stateText(s.before), stateText(s.after)]);
    const same = (text: string) => el('p', { class: 'tiltyard-none' }, text);
    return [
      el('header', {}, el('h2', {}, trans.__('Two runs side by side'))),
      el('div', { class: 'tiltyard-actions' }, open(before, sides[0]), open(after, sides[1])),
      el('h3', {}, trans.__('What changed')),
      changed.length ? table([trans.__('What'), ...sides], changed) : same(trans.__('Nothing but the numbers.')),
      el('h3', {}, trans.__('How steps ended')),
      states.length ? table([trans.__('Step'), ...sides], states) : same(trans.__('As before.')),
      el('h3', {}, trans.__('Numbers')),
      found.metrics.length ? table([trans.__('Step'), trans.__('Measure'), ...sides, trans.__('Difference'), trans.__('Verdict')], found.metrics.map(m => numbers(trans, m))) : same(trans.__('The runs have no number in common.')),
      found.metrics.length > 0 ? el('p', { class: 'tiltyard-muted' }, trans.__('Shares are in percent, their differences in percentage points; in brackets the intervals.')) : el('span')
    ];
  }
}

/** One number before and after, as the engine words it. */
export function numbers(trans: TranslationBundle, m: MetricChange): string[] {
  const side = (metric: MetricChange['before'], text: string) => (typeof metric?.value === 'number' ? text : trans.__('not measured'));
  return [m.title, m.label, side(m.before, m.told_before), side(m.after, m.told_after), m.told_difference, trans.__(m.verdict)];
}

const KINDS = { run: RunView, report: RunReportView, compare: CompareView };
export type Kind = keyof typeof KINDS;

/** A tab for what `kind` and `given` name. */
export function view(kind: Kind, shown: Shown, given: Record<string, string>): MainAreaWidget<View> {
  const content = new KINDS[kind](shown, given);
  const tab = new MainAreaWidget<View>({ content });
  tab.toolbar.hide();
  tab.id = idOf(kind, given);
  tab.title.closable = true;
  void content.refresh();
  return tab;
}

/** The same thing has one tab. */
export function idOf(kind: Kind, given: Record<string, string>): string {
  return ['tiltyard', kind, ...Object.keys(given).sort().map(key => given[key])].join('-');
}
