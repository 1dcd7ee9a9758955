/** Where tabs go: JupyterLab's main area; in Notebook 7, whose pages hold one thing each, beside its files or below its notebook. */

import { Notification, type WidgetTracker } from '@jupyterlab/apputils';
import type { IRestorer } from '@jupyterlab/statedb';
import { TabPanel, type Widget } from '@lumino/widgets';
import type { Services } from './services';

type Some = Pick<Services, 'app' | 'shell' | 'trans'>;

/** The files' tabs of Notebook 7, where this is the page that has them. */
export function besideFiles({ app, shell }: Pick<Services, 'app' | 'shell'>): TabPanel | undefined {
  const [main] = shell ? [] : app.shell.widgets('main');
  return main instanceof TabPanel ? main : undefined;
}

/** Put `tab` where there is room for it; false, and shown to the person, where there is none. */
export function place(all: Some, tab: Widget): boolean {
  const { app, shell, trans } = all;
  const files = besideFiles(all);
  if (files) {
    files.addWidget(tab);
  } else {
    const occupied = !shell && [...app.shell.widgets('main')].length > 0;
    tab.toggleClass('tiltyard-below', occupied);
    app.shell.add(tab, occupied ? 'down' : 'main');
  }
  if (!tab.parent) {
    tab.dispose();
    Notification.warning(trans.__('This page has no room for it: open it in JupyterLab or beside the files.'));
    return false;
  }
  return true;
}

/** Bring `tab` to the front. */
export function show(all: Pick<Services, 'app' | 'shell'>, tab: Widget): void {
  const files = besideFiles(all);
  if (files?.contains(tab)) {
    files.currentWidget = tab;
  }
  all.app.shell.activateById(tab.id);
}

/** After a reload the tabs are put back by JupyterLab's restorer, and by us in Notebook 7, which has none. */
export function comesBack<T extends Widget>(all: Services, tabs: WidgetTracker<T>, how: IRestorer.IOptions<T>): void {
  const { app, restorer, kept } = all;
  if (restorer) {
    void restorer.restore(tabs, how);
  } else if (kept) {
    const registry = app.commands;
    void app.restored.then(() => tabs.restore({ ...how, connector: kept, registry }));
  }
}
