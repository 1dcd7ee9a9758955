/** What went wrong, in JupyterLab's notifications: it cuts long ones off, so these can be read whole. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { line } from './api';
import { el } from './dom';

const CUT = 140; // characters JupyterLab shows

/** Say an error; `before` names what it is about. */
export function complain(trans: TranslationBundle, error: unknown, before = ''): void {
  const text = `${before}${line(error)}`;
  const whole = () => {
    const body = new Widget({ node: el('p', { class: 'tiltyard-verdict' }, text) });
    void showDialog({ title: trans.__('What went wrong'), body, buttons: [Dialog.okButton({ label: trans.__('Close') })] });
  };
  const actions = text.length > CUT ? [{ label: trans.__('Read it all'), callback: whole }] : [];
  Notification.error(text, { autoClose: false, actions });
}
