/** A scan of many files in one line. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ScanAnswer, ScannedFile } from './generated/api';

/** The verdicts, worst first. */
export const WORDS = ['malicious', 'unproven', 'known types', 'safe'];

/** One line for many files: how many of each verdict, the worst first. */
export function summary(trans: TranslationBundle, { files, left_out, remark }: ScanAnswer): string {
  const models = files.filter(file => file.kind === 'model' || file.kind === 'link');
  const word = (file: ScannedFile) => file.verdict?.verdict ?? 'unproven';
  const counts = WORDS.map(name => [models.filter(file => word(file) === name).length, trans.__(name)] as const).filter(([n]) => n);
  const beside = files.length - models.length;
  const parts = [...counts.map(([n, name]) => `${n} ${name}`), beside ? trans.__('%1 no models', beside) : ''].filter(Boolean);
  const more = [left_out ? trans.__('%1 more were not looked at', left_out) : '', remark].filter(Boolean).map(text => ` ${text}.`);
  return models.length ? `${trans._n('%1 file', '%1 files', files.length)}: ${parts.join(', ')}.${more.join('')}` : trans.__('Nothing to judge: no model among %1 files.', files.length);
}
