import type { JupyterFrontEnd } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { ICommandPalette } from '@jupyterlab/apputils';

export async function start(app: JupyterFrontEnd): Promise<void> {
  const launcher = await app.resolveOptionalService(ILauncher);
  const palette = await app.resolveOptionalService(ICommandPalette);
  console.log('tiltyard', launcher, palette);
}
