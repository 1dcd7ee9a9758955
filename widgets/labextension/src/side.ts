/** The side panel: what goes on, what was found, the models, and every run of before. */

import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type Api, line } from './api';
import { button, el, swap } from './dom';
import type { ModelLine, ModelList, RunItem } from './generated/api';
import { shield } from './icon';
import { LongList } from './list';
import { outcome, progress, proof, SEVERITIES, severities, when } from './say';
import type { Runs } from './runs';

export const SHOW_RUN = 'tiltyard:show-run';
export const COMPARE = 'tiltyard:compare-runs';
export const CANCEL = 'tiltyard:cancel-run';
const SOON = 400; // ms
const MINUTE = 60_000;

export class SidePanel extends Widget {
  constructor(
    private readonly api: Api,
    private readonly runs: Runs,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle,
    private readonly again: () => void
  ) {
    super();
    this.id = 'tiltyard-runs';
    this.addClass('tiltyard-side');
    this.title.icon = shield;
    this.title.caption = trans.__('Model security');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Model security'));
    this.list = new LongList(trans.__('Runs, newest first. Enter opens one, space marks it for comparing.'), {
      count: () => runs.total ?? 0,
      row: index => this.row(runs.item(index)),
      open: id => this.run(SHOW_RUN, { id }),
      mark: marked => this.marked(marked)
    });
    this.compare = button(trans.__('Compare two (mark them)'), () => this.both());
    this.build();
    runs.changed.connect(this.soon, this);
    this.minute = window.setInterval(() => this.older(), MINUTE);
  }

  override dispose(): void {
    this.sized.disconnect();
    [this.drawing, this.looking, this.typed].forEach(clearTimeout);
    clearInterval(this.minute);
    super.dispose();
  }

  protected override onAfterShow(_: Message): void {
    this.draw();
    void this.look();
  }

  protected override onAfterAttach(_: Message): void {
    this.sized.observe(this.list.node);
  }

  private build(): void {
    const { trans } = this;
    const search = el('input', {
      type: 'search',
      class: 'tiltyard-search',
      placeholder: trans.__('Search runs'),
      'aria-label': trans.__('Search runs'),
      oninput: () => {
        clearTimeout(this.typed);
        this.typed = window.setTimeout(() => this.runs.search(search.value.trim()), 250);
      }
    });
    const history = el('section', { class: 'tiltyard-history' }, el('h3', {}, trans.__('History'), this.count), search, this.list.node, this.pair);
    this.node.append(
      el('header', {}, el('h2', {}, trans.__('Model security')), button(trans.__('Workbench'), () => this.run('tiltyard:open', {}))),
      this.notice,
      this.section(trans.__('Under way'), this.underway),
      this.section(trans.__('Checks by their worst finding'), this.found),
      this.section(trans.__('Models'), this.models),
      history
    );
    this.compare.disabled = true;
    this.pair.append(this.compare);
  }

  private section(title: string, body: HTMLElement): HTMLElement {
    return el('details', { open: true }, el('summary', {}, el('h3', {}, title)), body);
  }

  /** "1 minute ago" is written anew each minute. */
  private older(): void {
    if (this.isVisible && document.visibilityState !== 'hidden') {
      this.drawn = '';
      this.draw();
      void this.look();
    }
  }

  /** At most a few drawings a second, whatever comes. */
  private soon(): void {
    if (this.isVisible && !this.drawing) {
      this.drawing = window.setTimeout(() => {
        this.drawing = 0;
        this.draw();
      }, 100);
    }
  }

  private draw(): void {
    const { runs } = this;
    this.say();
    this.go();
    this.count.textContent = runs.total === null ? '' : String(runs.total);
    this.list.draw();
    const seen = `${runs.total} ${runs.open.map(run => run.id)} ${runs.underway.length} ${runs.lost} ${runs.store?.state}`;
    if (seen !== this.seen) {
      this.seen = seen;
      clearTimeout(this.looking);
      this.looking = window.setTimeout(() => void this.look(), SOON);
    }
  }

  private say(): void {
    const { runs, trans } = this;
    const store = runs.store && runs.store.state !== 'ok' ? runs.store.detail : '';
    const text = runs.lost ? (runs.disabled ? runs.lost : trans.__('No news of runs: %1', runs.lost)) : store;
    const retry = runs.lost ? [button(trans.__('Try again'), this.again)] : [];
    if (this.notice.firstChild?.textContent !== text) {
      this.notice.dataset.state = runs.lost ? 'lost' : runs.store?.state;
      this.notice.replaceChildren(...(text ? [el('span', {}, text), ...retry] : []));
    }
  }

  private none(text: string): HTMLElement {
    return el('p', { class: 'tiltyard-none' }, text);
  }

  /** Runs under way, each brought up to date in place, so that its button keeps the focus. */
  private go(): void {
    const { underway } = this.runs;
    const none = this.underway.querySelector('.tiltyard-none') ?? this.none(this.trans.__('Nothing runs.'));
    const nodes = underway.map(run => this.going.get(run.id)?.node ?? this.begun(run));
    const wanted = nodes.length ? nodes : [none];
    if (wanted.length !== this.underway.children.length || wanted.some((node, i) => node !== this.underway.children[i])) {
      this.underway.replaceChildren(...wanted);
    }
    [...this.going.keys()].filter(id => !underway.some(run => run.id === id)).forEach(id => this.going.delete(id));
    underway.forEach(run => this.going.get(run.id)?.say(run));
  }

  private begun(run: RunItem): HTMLElement {
    const { trans } = this;
    const open = button(run.name, () => this.run(SHOW_RUN, { id: run.id }), { class: 'tiltyard-link' });
    const cancel = button(trans.__('Cancel'), () => this.run(CANCEL, { id: run.id }), { 'aria-label': trans.__('Cancel %1', run.name) });
    const bar = el('progress', { max: '1', 'aria-label': trans.__('Progress of %1', run.name) });
    const text = el('span', {});
    const node = el('div', { class: 'tiltyard-going', 'data-id': run.id }, open, bar, el('div', {}, text, cancel));
    const say = ({ progress: at }: RunItem) => {
      bar.value = at?.done ?? 0;
      text.textContent = progress(trans, at);
      cancel.disabled = !at || at.cancelling;
    };
    this.going.set(run.id, { node, say });
    return node;
  }

  private row(run: RunItem | undefined): { id: string; content: Node[]; label: string } {
    if (!run) {
      return { id: '', content: [el('span', { class: 'tiltyard-muted' }, '…')], label: this.trans.__('loading') };
    }
    this.times.set(run.id, run.started);
    const text = outcome(this.trans, run);
    const content = [
      el('div', { class: 'tiltyard-line' }, el('span', { class: 'tiltyard-name', title: run.name }, run.name), el('span', { class: 'tiltyard-muted' }, when(run.started, 'narrow'))),
      el('div', { class: 'tiltyard-line' }, el('span', { class: 'tiltyard-muted' }, text), ...severities(this.trans, run.severities))
    ];
    const counted = Object.entries(run.severities).map(([name, n]) => `${n} ${name}`);
    return { id: run.id, content, label: [run.name, when(run.started), text, ...counted].join(', ') };
  }

  private marked(ids: string[]): void {
    this.compare.disabled = ids.length < 2;
    this.compare.textContent = ids.length < 2 ? this.trans.__('Compare two (mark them)') : this.trans.__('Compare the two marked');
  }

  private async look(): Promise<void> {
    const turn = ++this.turn;
    try {
      const { models } = await this.api.get<ModelList>('models');
      const now = JSON.stringify(models);
      if (turn !== this.turn) {
        return;
      }
      if (now === this.drawn) {
        return;
      }
      this.drawn = now;
      const none = this.none(this.trans.__('No model was assessed yet. Open the workbench, or right-click a model file.'));
      swap(this.models, ...(models.length ? models.map(model => this.model(model)) : [none]));
      swap(this.found, ...this.findings(models));
    } catch (error) {
      if (turn === this.turn && !this.notice.firstChild) {
        this.drawn = '';
        this.models.replaceChildren(this.none(line(error)));
        this.found.replaceChildren();
      }
    }
  }

  private model(model: ModelLine): HTMLElement {
    const { trans } = this;
    const text = [model.verdict && trans.__(model.verdict), trans._n('%1 run', '%1 runs', model.runs), when(model.last_started)].filter(Boolean).join(' · ');
    const chips = el('div', { class: 'tiltyard-line' }, el('span', { class: 'tiltyard-muted' }, text), ...severities(trans, model.severities));
    const doubt = proof(trans, { proof: model.doubt ? 'broken' : '', doubt: model.doubt }, true);
    return el('div', { class: 'tiltyard-model' }, this.link(model.target.name, model), chips, ...(doubt ? [el('div', {}, doubt)] : []));
  }

  /** By severity, the models in which the newest conclusion of a check has that as its worst finding. */
  private findings(models: ModelLine[]): HTMLElement[] {
    const of = (severity: string) => models.filter(model => model.severities[severity]);
    const known = SEVERITIES.filter(severity => of(severity).length);
    if (!known.length) {
      return [this.none(models.length ? this.trans.__('No finding in what was measured.') : this.trans.__('Nothing was measured yet.'))];
    }
    return known.map(severity => {
      const sum = of(severity).reduce((n, model) => n + model.severities[severity], 0);
      const names = of(severity).map(model => el('li', {}, this.link(`${model.target.name} (${model.severities[severity]})`, model, model.found_in[severity])));
      const many = this.trans._n('in %1 model', 'in %1 models', names.length);
      const chip = el('span', { class: 'tiltyard-chip', 'data-severity': severity }, `${sum} ${this.trans.__(severity)}`);
      return el('details', { class: 'tiltyard-severity' }, el('summary', {}, chip, ` ${many}`), el('ul', {}, ...names));
    });
  }

  private link(text: string, model: ModelLine, id = model.last_run): HTMLElement {
    const given = { class: 'tiltyard-link', title: model.target.fingerprint };
    return button(text, () => this.run(SHOW_RUN, { id }), given);
  }

  private run(command: string, args: Record<string, string>): void {
    void this.commands.execute(command, args);
  }

  /** The older first. */
  private both(): void {
    const at = (id: string) => this.times.get(id) ?? '';
    const [before, after] = [...this.list.marked].sort((a, b) => (at(a) < at(b) ? -1 : 1));
    this.run(COMPARE, { before, after });
  }

  private readonly list: LongList;
  private readonly notice = el('div', { class: 'tiltyard-trouble', role: 'status' });
  private readonly underway = el('div', {});
  private readonly models = el('div', {});
  private readonly found = el('div', {});
  private readonly count = el('span', { class: 'tiltyard-count' });
  private readonly pair = el('div', { class: 'tiltyard-pair' });
  private readonly compare: HTMLButtonElement;
  private readonly sized = new ResizeObserver(() => this.list.draw());
  private seen = '';
  private drawn = '';
  private typed = 0;
  private drawing = 0;
  private looking = 0;
  private turn = 0;
  private readonly minute: number;

  private readonly going = new Map<string, { node: HTMLElement; say: (run: RunItem) => void }>();
  private readonly times = new Map<string, string>();
}
