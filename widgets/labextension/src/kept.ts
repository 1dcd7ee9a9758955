/** Where the page's state outlives a reload though JupyterLab's workspaces are not there: in Notebook 7, whose own forgets. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { DataConnector, type IStateDB, StateDB } from '@jupyterlab/statedb';

/** The browser's memory of one tab, under names of our own. */
export class TabMemory extends DataConnector<string> {
  constructor(
    private readonly own: string,
    private readonly memory: Storage = sessionStorage
  ) {
    super();
  }

  override async fetch(id: string): Promise<string | undefined> {
    return this.memory.getItem(this.own + id) ?? undefined;
  }

  override async list(namespace = ''): Promise<{ ids: string[]; values: string[] }> {
    const start = `${this.own}${namespace && `${namespace}:`}`;
    const found = Object.keys(this.memory).filter(key => key.startsWith(start));
    return { ids: found.map(key => key.slice(this.own.length)), values: found.map(key => this.memory.getItem(key) ?? '') };
  }

  override async remove(id: string): Promise<void> {
    this.memory.removeItem(this.own + id);
  }

  override async save(id: string, value: string): Promise<void> {
    this.memory.setItem(this.own + id, value);
  }
}

/** A tab that was opened from another begins with what that one kept, so the page is in the name; the one of the files moves through folders. */
export function keptByTab(): IStateDB {
  const files = PageConfig.getOption('notebookPage') === 'tree';
  const page = files ? URLExt.join(PageConfig.getBaseUrl(), 'tree') : location.href.replace(/[?#].*/, '');
  return new StateDB({ connector: new TabMemory(`tiltyard ${page} `) });
}
