/** What a workbench tab shows, as its kernel tells it: enough for another kernel to show the same. */

import type { JSONObject } from '@lumino/coreutils';

export interface State {
  panel: string;
  source: Record<string, string>;
  run: string;
  busy: string;
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** `given` as a state; what is not one of its fields, or of another type, is left out. */
export function stateOf(given: unknown): State {
  const some = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const source = typeof some.source === 'object' && some.source !== null ? Object.entries(some.source) : [];
  const kept = source.filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return { panel: text(some.panel), source: Object.fromEntries(kept), run: text(some.run), busy: text(some.busy) };
}

/** Python that opens the window of a kernel with `state`. */
export function opening(state: State): string {
  const literal = JSON.stringify(JSON.stringify({ panel: state.panel, source: state.source, run: state.run }));
  return `import json\nfrom tiltyard_widgets.panels.lab import window\nwindow(json.loads(${literal}))`;
}

/** What the API's `code` is asked for the cells that do the same. */
export function asking(state: State): Record<string, string> {
  const { source, sample, model_file, data_file } = state.source;
  const own = source === 'files' ? { model: model_file, data: data_file } : { sample };
  return Object.fromEntries(Object.entries({ panel: state.panel, ...own }).filter(([, value]) => value)) as Record<string, string>;
}

export function plain(state: State): JSONObject {
  return { ...state, source: { ...state.source } };
}
