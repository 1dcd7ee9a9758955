/** The runs as the server tells of them: pages fetched when looked at, kept in line by its events. */

import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, Disabled, line } from './api';
import type { News } from './follow';
import type { RunItem, RunPage, StoreState } from './generated/api';

export const PAGE = 100;
/** A kernel or shell has the run in hand; in one that is running a step is under way. */
const LIVE = ['open', 'running'];
export const live = (run: RunItem): boolean => LIVE.includes(run.state);

interface Kept {
  runs: RunItem[];
  stale: boolean;
  asked: boolean;
}

export class Runs {
  constructor(private readonly api: Api) {}

  /** Runs that a kernel or shell has open, newest first; in those that have progress a step is under way. */
  open: RunItem[] = [];
  /** How many runs match what is searched; null before the first answer. */
  total: number | null = null;
  store: StoreState | null = null;
  /** Why there is no news, or no page of runs; or nothing. */
  lost = '';
  disabled = false;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Runs in which something is under way. */
  get underway(): RunItem[] {
    return this.open.filter(run => run.progress !== null);
  }

  get searched(): string {
    return this._search;
  }

  /** Show only what has `text` in it. */
  search(text: string): void {
    if (text !== this._search) {
      this._search = text;
      this._pages.clear();
      this._turn += 1;
      this.total = null;
      this.item(0);
      this._changed.emit();
    }
  }

  /** The run at `index` of the list, newest first; undefined until its page has come, which it then asks for. */
  item(index: number): RunItem | undefined {
    const at = Math.floor(index / PAGE);
    const kept = this._pages.get(at) ?? { runs: [], stale: true, asked: false };
    this._pages.set(at, kept);
    if (kept.stale && !kept.asked) {
      kept.asked = true;
      void this.fetch(at, kept, this._turn);
    }
    return kept.runs[index % PAGE];
  }

  /** What the server tells. */
  hear({ event, data }: News): void {
    this._cut = event === 'lost';
    if (event === 'lost') {
      this.lost = line(data);
      this.disabled = data instanceof Disabled;
      this._changed.emit();
      return;
    }
    this.lost = '';
    this.disabled = false;
    if (event === 'hello') {
      this.open = data.runs.filter(live);
      this.heard(data.store, data.total, true);
    } else if (event === 'run') {
      this.ran(data.id, data.run);
      this.heard(null, data.total, data.change === 'started' || data.change === 'deleted');
    } else if (event === 'progress') {
      this.every(run => (run.id === data.id ? { ...run, progress: data.progress } : run));
    } else if (event === 'store') {
      this.heard(data.store, data.total, true);
    }
    this._changed.emit();
  }

  private heard(store: StoreState | null, total: number, moved: boolean): void {
    this.store = store ?? this.store;
    this.total = this._search ? this.total : total;
    if (moved) {
      this._pages.forEach(kept => (kept.stale = true));
      this.item(0);
    }
  }

  private every(change: (run: RunItem) => RunItem): void {
    this.open = this.open.map(change);
    this._pages.forEach(kept => (kept.runs = kept.runs.map(change)));
  }

  private ran(id: string, run: RunItem | null): void {
    if (run) {
      this.every(other => (other.id === id ? run : other));
    }
    const others = this.open.filter(other => other.id !== id);
    if (!run || !live(run)) {
      this.open = others;
    } else if (others.length === this.open.length) {
      this.open = [run, ...others];
    }
  }

  private async fetch(at: number, kept: Kept, turn: number): Promise<void> {
    kept.stale = false;
    try {
      const page = await this.api.get<RunPage>('runs', { limit: PAGE, offset: at * PAGE, search: this._search });
      if (turn !== this._turn) {
        return;
      }
      kept.runs = page.runs;
      this.total = page.total;
      this.store = page.store;
      this.lost = this._cut ? this.lost : '';
    } catch (error) {
      this.lost = turn === this._turn ? line(error) : this.lost;
    } finally {
      kept.asked = false;
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _pages = new Map<number, Kept>();
  private _search = '';
  private _cut = false;
  private _turn = 0;
}
