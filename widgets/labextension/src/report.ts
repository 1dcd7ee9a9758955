/** A report's page in a frame in which no script runs, and on paper. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { download, el } from './dom';
import { complain } from './tell';

/** No token: neither scripts nor forms, nothing of this origin, no way out of the frame. */
export function frame(html: string, title: string): HTMLIFrameElement {
  return el('iframe', { class: 'tiltyard-paper', sandbox: '', srcdoc: html, title, referrerpolicy: 'no-referrer' });
}

/** Print it, to paper or PDF. This frame is of our origin, so that we may ask it to; scripts do not run in it either. */
export function print(html: string): void {
  const made = el('iframe', { class: 'tiltyard-print', sandbox: 'allow-same-origin allow-modals', srcdoc: html, 'aria-hidden': 'true', tabindex: '-1' });
  made.onload = () => {
    made.contentWindow?.addEventListener('afterprint', () => made.remove());
    made.contentWindow?.print();
  };
  document.body.append(made);
}

/** Save what the server answers as `name`; meanwhile the button waits. */
export async function downloaded(trans: TranslationBundle, pressed: HTMLButtonElement, ask: () => Promise<Response>, name: string): Promise<void> {
  pressed.disabled = true;
  pressed.setAttribute('aria-busy', 'true');
  try {
    download(await (await ask()).blob(), name);
  } catch (error) {
    complain(trans, error);
  } finally {
    pressed.disabled = false;
    pressed.removeAttribute('aria-busy');
  }
}
