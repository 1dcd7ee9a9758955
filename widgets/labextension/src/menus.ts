/** What the server says the menus offer: the workbench's panels, and which files may be scanned. Asked once when a page opens. */

import { PathExt } from '@jupyterlab/coreutils';
import type { Api } from './api';
import type { Menus } from './generated/api';

export type Panel = Menus['panels'][number];

/** Kept by those who add commands; the server's answer comes a moment after the page. */
export class Offered {
  constructor(api: Pick<Api, 'get'>) {
    this.panels = api.get<Menus>('menus').then(
      ({ panels, scanned_suffixes }) => {
        this.suffixes = scanned_suffixes;
        return panels;
      },
      () => []
    );
  }

  /** The workbench's panels in their order; none where the server's extension is not enabled. */
  readonly panels: Promise<Panel[]>;

  /** May a scan be offered of this file, by its name? Of every file as long as the server did not say: the scan itself then says why. */
  scans(path: string): boolean {
    return this.suffixes === null || this.suffixes.includes(PathExt.extname(path).toLowerCase());
  }

  private suffixes: string[] | null = null;
}
