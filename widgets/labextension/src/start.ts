/** What is there from the start: commands, and where they are offered. What they show is loaded when first asked for. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { addCells } from './cells';
import { addGuard } from './guard';
import { addHistory } from './history';
import { services } from './services';
import { Offered } from './menus';
import { addScans } from './scans';
import { addWorkbench } from './tabs';
import { Verdicts } from './verdicts';
import { addViewer } from './viewer';

export async function start(app: JupyterFrontEnd): Promise<void> {
  const all = await services(app);
  const began = performance.now(); // for `benchmarks/bench_lab.py`
  const verdicts = new Verdicts(all.api);
  const offered = new Offered(all.api);
  addCells(all, addWorkbench(all, offered));
  addScans(all, verdicts, offered);
  addHistory(all);
  addViewer(all);
  performance.measure('tiltyard', { start: began });
  void app.restored.then(() => addGuard(all));
}
