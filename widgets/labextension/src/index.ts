/** The one plugin that loads at JupyterLab's start; all it does is decide whether the rest has a place here. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'tiltyard:plugin',
  description: 'Model security: workbench, file scans, runs and reports.',
  autoStart: true,
  activate: async (app: JupyterFrontEnd) => {
    // Voila starts every extension, and has neither launcher nor notebook for this one.
    if (app.name !== 'Voila') {
      const { start } = await import('./start');
      await start(app);
    }
  }
};

export default plugin;
