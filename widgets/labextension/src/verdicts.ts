/** What scans found of files, as the server keeps it by hash: of a file that changed since, or was never scanned, nothing is known. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Api } from './api';
import type { KnownVerdicts } from './generated/api';

const SAME = 1000; // ms that two ways to write one time may differ by
type Entry = { verdict: string; modified: number };

export class Verdicts {
  constructor(private readonly api: Pick<Api, 'get'>) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The verdict of the file as it was when modified then; nothing where it was changed since. */
  of(path: string, modified: string): string {
    const known = this._known.get(path);
    return known && Math.abs(known.modified - Date.parse(modified)) < SAME ? known.verdict : '';
  }

  set(path: string, verdict: string, modified: string): void {
    this._known.set(path, { verdict, modified: Date.parse(modified) });
    this._changed.emit();
  }

  /** Ask the server what it knows of the files in a folder. */
  async look(folder: string): Promise<void> {
    try {
      const { files } = await this.api.get<KnownVerdicts>('verdicts', { path: folder });
      for (const file of files) {
        this._known.set(file.path, { verdict: file.verdict, modified: file.modified });
      }
      if (files.length) {
        this._changed.emit();
      }
    } catch {
      // Where the server has no such extension, or keeps its files elsewhere, there are no badges until a scan.
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _known = new Map<string, Entry>();
}
