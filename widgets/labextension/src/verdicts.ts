/** What scans found of files, as long as the files stay as they were; kept over a reload. */

import type { IStateDB } from '@jupyterlab/statedb';
import { type ISignal, Signal } from '@lumino/signaling';

const KEY = 'tiltyard:verdicts';
const MOST = 500;
type Entry = [path: string, verdict: string, modified: string];

export class Verdicts {
  constructor(private readonly kept: IStateDB | null) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The verdict of the file as it was when modified then; nothing where it was changed since. */
  of(path: string, modified: string): string {
    const known = this._known.get(path);
    return known && known[2] === modified ? known[1] : '';
  }

  set(path: string, verdict: string, modified: string): void {
    this._known.delete(path);
    this._known.set(path, [path, verdict, modified]);
    const all = [...this._known.values()].slice(-MOST);
    void this.kept?.save(KEY, all);
    this._changed.emit();
  }

  /** Take up what was kept. */
  async load(): Promise<void> {
    const found = await this.kept?.fetch(KEY);
    for (const entry of Array.isArray(found) ? found : []) {
      if (Array.isArray(entry) && entry.length === 3 && entry.every(part => typeof part === 'string') && !this._known.has(entry[0] as string)) {
        this._known.set(entry[0] as string, entry as Entry);
      }
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _known = new Map<string, Entry>();
}
