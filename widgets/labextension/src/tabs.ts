/** The commands that open the workbench, and its tabs, which come back after a reload. */

import { WidgetTracker } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { type ReadonlyPartialJSONObject, UUID } from '@lumino/coreutils';
import type { Services } from './services';
import { shield } from './icon';
import type { Offered, Panel } from './menus';
import { comesBack, place, show } from './place';
import { plain, stateOf } from './state';
import { complain } from './tell';
import type { WorkbenchTab } from './workbench';

export const OPEN = 'tiltyard:open';
export const INSERT = 'tiltyard:insert-cells';
export const CATEGORY = 'Tiltyard model security';

export type Tabs = WidgetTracker<WorkbenchTab>;

/** Which session a new tab gets: a name of its own in the folder at hand, where its kernel then starts. */
export function sessionPath(folder: string): string {
  return PathExt.join(folder, `tiltyard-${UUID.uuid4()}`);
}

export function addWorkbench(all: Services, offered: Offered): Tabs {
  const { app, trans, palette, launcher } = all;
  const tabs: Tabs = new WidgetTracker({ namespace: 'tiltyard-workbench' });
  app.commands.addCommand(OPEN, {
    label: args => (args['isPalette'] || !args['label'] ? trans.__('Model security workbench') : String(args['label'])),
    caption: trans.__('Attack, measure and defend a model; no notebook needed'),
    icon: args => (args['isPalette'] ? undefined : shield),
    execute: args => open(all, tabs, args)
  });
  void offered.panels.then(panels => addPanels(all, tabs, panels));
  palette?.addItem({ command: OPEN, category: trans.__(CATEGORY), args: { isPalette: true } });
  launcher?.add({ command: OPEN, category: trans.__('Other'), rank: 1 });
  comesBack(all, tabs, {
    command: OPEN,
    args: tab => ({ path: tab.path, state: plain(tab.content.state) }),
    name: tab => tab.path
  });
  return tabs;
}

/** A command for each panel: turn the tab in front to it, or open one. */
function addPanels(all: Services, tabs: Tabs, panels: Panel[]): void {
  const { app, trans, palette } = all;
  for (const { id, label } of panels) {
    app.commands.addCommand(`${OPEN}-${id}`, {
      label: trans.__('Model security: %1', trans.__(label)),
      icon: args => (args['isPalette'] ? undefined : shield),
      execute: () => (tabs.currentWidget ? turn(all, tabs.currentWidget, id) : open(all, tabs, { state: { panel: id } }))
    });
    palette?.addItem({ command: `${OPEN}-${id}`, category: trans.__(CATEGORY), args: { isPalette: true } });
  }
}

async function open(all: Services, tabs: Tabs, args: ReadonlyPartialJSONObject): Promise<WorkbenchTab | undefined> {
  const { app, rendermime, translator, trans } = all;
  if (!rendermime) {
    return undefined;
  }
  try {
    const { WorkbenchTab } = await import('./workbench');
    const folder = String(args['cwd'] ?? all.browser?.model.path ?? '');
    const path = String(args['path'] ?? sessionPath(folder));
    const given = { services: app.serviceManager, rendermime, translator, trans, path, state: stateOf(args['state']) };
    const tab = new WorkbenchTab(given, () => void app.commands.execute(INSERT, plain(tab.content.state)));
    if (!place(all, tab)) {
      return undefined;
    }
    await tabs.add(tab);
    tab.content.changed.connect(() => void tabs.save(tab));
    show(all, tab);
    return tab;
  } catch (error) {
    complain(trans, error, trans.__('The workbench needs ipywidgets in the environment of JupyterLab: '));
    return undefined;
  }
}

function turn(all: Services, tab: WorkbenchTab, panel: string): WorkbenchTab {
  tab.content.go(panel);
  show(all, tab);
  return tab;
}
