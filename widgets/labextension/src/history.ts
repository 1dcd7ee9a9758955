/** Side panel, status bar, and the commands that open a run, a report, or two runs. */

import { WidgetTracker, type MainAreaWidget } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import { button } from './dom';
import { Follower } from './follow';
import type { Services } from './services';
import { comesBack, place, show } from './place';
import { Runs } from './runs';
import { far, progress } from './say';
import { CANCEL, COMPARE, SHOW_RUN, SidePanel } from './side';
import { CATEGORY } from './tabs';
import { complain } from './tell';
import type { Kind, View } from './views';

const SHOW_REPORT = 'tiltyard:show-report';
const SHOW_SIDE = 'tiltyard:show-runs';
const COMMANDS: [string, Kind, string[]][] = [
  [SHOW_RUN, 'run', ['id']],
  [SHOW_REPORT, 'report', ['id']],
  [COMPARE, 'compare', ['before', 'after']]
];

export function addHistory(all: Services): void {
  const { app, api, trans, palette, restorer } = all;
  const follower = new Follower(api);
  const runs = new Runs(api);
  follower.news.connect((_, news) => runs.hear(news));
  addViews(all, follower);
  app.commands.addCommand(CANCEL, {
    label: trans.__('Cancel a run'),
    execute: args => api.post(`runs/${String(args['id'])}/cancel`).catch(error => complain(trans, error))
  });
  const side = new SidePanel(api, runs, app.commands, trans, () => follower.again());
  app.shell.add(side, 'left', { rank: 650 });
  restorer?.add(side, side.id);
  app.commands.addCommand(SHOW_SIDE, { label: trans.__('Models and runs'), execute: () => app.shell.activateById(side.id) });
  palette?.addItem({ command: SHOW_SIDE, category: trans.__(CATEGORY) });
  addStatus(all, runs);
  void app.restored.then(() => follower.again());
}

function addViews(all: Services, follower: Follower): void {
  const { app, api, trans } = all;
  const tabs = new WidgetTracker<MainAreaWidget<View>>({ namespace: 'tiltyard-views' });
  const shown = { api, follower, trans, execute: (command: string, args: ReadonlyPartialJSONObject) => void app.commands.execute(command, args) };
  for (const [command, kind, names] of COMMANDS) {
    app.commands.addCommand(command, {
      label: trans.__('Show a %1', kind),
      execute: async args => {
        const { idOf, view } = await import('./views');
        const given = Object.fromEntries(names.map(name => [name, String(args[name])]));
        const known = tabs.find(tab => tab.id === idOf(kind, given));
        const tab = known ?? view(kind, shown, given);
        if (!known) {
          if (!place(all, tab)) {
            return;
          }
          commandOf.set(tab, command);
          await tabs.add(tab);
        }
        show(all, tab);
      }
    });
  }
  app.commands.addCommand('tiltyard:restore-view', { label: '', execute: args => app.commands.execute(String(args['command']), args['given'] as ReadonlyPartialJSONObject) });
  comesBack(all, tabs, {
    command: 'tiltyard:restore-view',
    args: tab => ({ command: commandOf.get(tab) ?? SHOW_RUN, given: tab.content.given }),
    name: tab => tab.id
  });
}

const commandOf = new WeakMap<Widget, string>();

/** In the status bar while something runs: what and how far. A click shows the side panel. */
function addStatus(all: Services, runs: Runs): void {
  const { app, trans, status } = all;
  const item = new Widget();
  item.addClass('tiltyard-status');
  const label = button('', () => void app.commands.execute(SHOW_SIDE), { class: 'tiltyard-status-button' });
  item.node.append(label);
  const say = () => {
    const [first, ...more] = runs.underway;
    const summary = first ? `${far(trans, first.progress)} · ${first.name}` : '';
    label.textContent = more.length ? trans.__('%1 runs: %2', more.length + 1, summary) : summary;
    label.title = first ? `${first.name}: ${progress(trans, first.progress)}` : '';
  };
  runs.changed.connect(say);
  status?.registerStatusItem('tiltyard:runs', { item, align: 'left', rank: 90, isActive: () => runs.underway.length > 0, activeStateChanged: runs.changed as never });
}
