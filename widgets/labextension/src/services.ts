/** What the parts of the extension share: JupyterLab's services, where this application has them. */

import { ILabShell, ILayoutRestorer, type JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { Token } from '@lumino/coreutils';
import { Api } from './api';
import { keptByTab } from './kept';

export interface Services {
  app: JupyterFrontEnd;
  api: Api;
  trans: TranslationBundle;
  translator: ITranslator;
  rendermime: IRenderMimeRegistry | null;
  palette: ICommandPalette | null;
  launcher: ILauncher | null;
  restorer: ILayoutRestorer | null;
  shell: ILabShell | null;
  files: IFileBrowserFactory | null;
  browser: IDefaultFileBrowser | null;
  notebooks: INotebookTracker | null;
  settings: ISettingRegistry | null;
  kept: IStateDB | null;
  status: IStatusBar | null;
}

/** Ask the application for all of it; Notebook 7 has not everything. */
export async function services(app: JupyterFrontEnd): Promise<Services> {
  const has = <T>(token: Token<T>) => app.resolveOptionalService(token);
  const translator = (await has(ITranslator)) ?? nullTranslator;
  const trans = translator.load('tiltyard');
  const restorer = await has(ILayoutRestorer);
  return {
    app,
    api: new Api(app.serviceManager.serverSettings, trans),
    translator,
    trans,
    rendermime: await has(IRenderMimeRegistry),
    palette: await has(ICommandPalette),
    launcher: await has(ILauncher),
    restorer,
    shell: await has(ILabShell),
    files: await has(IFileBrowserFactory),
    browser: await has(IDefaultFileBrowser),
    notebooks: await has(INotebookTracker),
    settings: await has(ISettingRegistry),
    kept: restorer ? await has(IStateDB) : keptByTab(),
    status: await has(IStatusBar)
  };
}
