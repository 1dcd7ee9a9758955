/** Runs in words. */

import { Time } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { el } from './dom';
import type { RunItem, Underway } from './generated/api';

/** Worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];

/** Steps that came to nothing; listed, for what is not measured is no pass. */
const UNDONE = ['failed', 'incomplete', 'cancelled', 'cut off'];

/** Seconds as a person says them. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How far, how long yet, and what. */
export function progress(trans: TranslationBundle, at: Underway | null): string {
  return [far(trans, at), at?.cancelling ? '' : at?.message].filter(Boolean).join(' · ');
}

/** How far, and how long yet. */
export function far(trans: TranslationBundle, at: Underway | null): string {
  if (!at) {
    return trans.__('no step under way');
  }
  if (at.cancelling) {
    return trans.__('stopping …');
  }
  const left = at.left === null ? '' : trans.__('%1 left', span(at.left));
  return [`${Math.round(at.done * 100)} %`, left].filter(Boolean).join(' · ');
}

/** The worst first, each with its number: `2 high`. */
export function severities(trans: TranslationBundle, counts: Record<string, number>): HTMLElement[] {
  const known = Object.keys(counts).filter(name => counts[name] > 0);
  const order = [...SEVERITIES.filter(s => known.includes(s)), ...known.filter(s => !SEVERITIES.includes(s))];
  return order.map(name => el('span', { class: 'tiltyard-chip', 'data-severity': name }, `${counts[name]} ${trans.__(name)}`));
}

/** Whether a run is as it was written: nothing where it is, else a sign and a word, and why where there is room for it. */
export function proof(trans: TranslationBundle, run: { proof: string; doubt: string }, long = false): string {
  const mark = run.proof === 'broken' ? `✕ ${trans.__('broken')}` : run.proof === 'unproven' ? `? ${trans.__('unproven')}` : '';
  return mark && long && run.doubt ? `${mark}: ${run.doubt}` : mark;
}

/** What a run came to, in a few words. */
export function outcome(trans: TranslationBundle, run: RunItem): string {
  const found = run.with_finding ? trans._n('%1 check with a finding', '%1 checks with a finding', run.with_finding) : '';
  const asked = run.asked ? trans._n('%1 check', '%1 checks', run.asked) : trans.__('no check yet');
  const summary = found ? `${asked}, ${found}` : asked;
  const undone = UNDONE.filter(name => run.counts[name] && !found).map(name => `${run.counts[name]} ${trans.__(name)}`);
  const state = run.state === 'finished' ? '' : trans.__(run.state);
  return [proof(trans, run), run.verdict && trans.__(run.verdict), state, summary, ...undone].filter(Boolean).join(' · ');
}

export function when(text: string, format: Time.HumanStyle = 'long'): string {
  return Time.formatHuman(new Date(text), format);
}
