/** "Insert as cells": the code that does the same, into the notebook at hand. */

import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { CodeCells } from './generated/api';
import type { Services } from './services';
import { asking, stateOf } from './state';
import { CATEGORY, INSERT, type Tabs } from './tabs';
import { complain } from './tell';

export function addCells(all: Services, tabs: Tabs): void {
  const { app, trans, palette } = all;
  app.commands.addCommand(INSERT, {
    label: trans.__('Insert the workbench as cells'),
    caption: trans.__('Code that does the same, in the current notebook'),
    execute: args => {
      const run = typeof args['run_only'] === 'string' ? { run: args['run_only'] } : null;
      const state = Object.keys(args).some(k => k === 'panel' || k === 'source') ? stateOf(args) : tabs.currentWidget?.content.state;
      return insert(all, run ?? (state ? asking(state) : {}));
    }
  });
  palette?.addItem({ command: INSERT, category: trans.__(CATEGORY) });
}

async function insert(all: Services, asked: Record<string, string>): Promise<void> {
  const { app, api, trans, notebooks } = all;
  const panel = notebooks?.currentWidget;
  if (!panel) {
    nowhere(all, asked);
    return;
  }
  try {
    const { cells } = await api.get<CodeCells>('code', asked);
    put(panel, cells);
    app.shell.activateById(panel.id);
    const name = panel.title.label;
    Notification.success(trans._n('%1 cell was inserted into %2', '%1 cells were inserted into %2', cells.length, name), { autoClose: 4000 });
  } catch (error) {
    complain(trans, error);
  }
}

/** No notebook is at hand: say what to do, and offer the code itself. */
function nowhere({ app, api, trans }: Services, asked: Record<string, string>): void {
  const copy = async () => {
    try {
      const { cells } = await api.get<CodeCells>('code', asked);
      Clipboard.copyToSystem(cells.map(cell => cell.source).join('\n\n'));
      Notification.success(trans.__('The code was copied: paste it into a cell.'), { autoClose: 4000 });
    } catch (error) {
      complain(trans, error);
    }
  };
  const create = () => void app.commands.execute('notebook:create-new', { kernelName: app.serviceManager.kernelspecs.specs?.default });
  const actions = [{ label: trans.__('Copy the code'), callback: () => void copy() }];
  const more = app.commands.hasCommand('notebook:create-new') ? [{ label: trans.__('New notebook'), callback: create }] : [];
  const text = trans.__('No notebook is open on this page: open one and insert there, or copy the code and paste it into a cell.');
  Notification.warning(text, { actions: [...actions, ...more], autoClose: false });
}

/** After the active cell, the first new one active; an empty last cell of a new notebook is left at the end. */
function put(panel: NotebookPanel, cells: CodeCells['cells']): void {
  const { content } = panel;
  const model = content.model?.sharedModel;
  if (!model) {
    return;
  }
  const empty = model.cells.length === 1 && model.cells[0].source === '';
  const at = empty ? 0 : content.activeCellIndex + 1;
  model.transact(() => cells.forEach((cell, i) => model.insertCell(at + i, { cell_type: cell.type, source: cell.source })));
  content.activeCellIndex = at;
}

