/** Which model files a cell loads, as far as its text tells. */

export interface Load {
  call: string;
  path: string;
}

const CALL = /(?<![\w.])(torch|pickle|joblib)\s*\.\s*load\s*\(/g;
const STRING = /^[rRbBuU]{0,2}(?:"""([^\\]*?)"""|'''([^\\]*?)'''|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')/;
const OPENER = /^(?:(?:io\s*\.\s*|gzip\s*\.\s*|bz2\s*\.\s*|lzma\s*\.\s*)?open|(?:pathlib\s*\.\s*)?Path)\s*\(\s*/;
const WITH = /(?:open)\s*\(\s*([rRbBuU]{0,2}(?:"[^"\n]*"|'[^'\n]*'))[^\n]*?\)\s*as\s+(\w+)/g;
const GIVEN = /^(\w+)\s*(?:[,)]|$)/;

/** `source` without its comments; a `#` inside a string stays. */
export function bare(source: string): string {
  return source.replace(/("""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|#[^\n]*/g, (_, kept?: string) => kept ?? '');
}

function literal(text: string): string | undefined {
  const found = STRING.exec(text);
  const value = found && (found[1] ?? found[2] ?? found[3] ?? found[4]);
  return value === null ? undefined : value?.replace(/\\(["'\\])/g, '$1');
}

/** What was opened or set under a name before: `with open("a") as f`, `path = "a"`. */
function names(source: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, text, name] of source.matchAll(WITH)) {
    found.set(name, literal(text) ?? '');
  }
  for (const [, name, rest] of source.matchAll(/^[ \t]*(\w+)\s*=\s*([^\n]+)$/gm)) {
    const value = literal(rest.replace(OPENER, ''));
    if (value) {
      found.set(name, value);
    }
  }
  return found;
}

/** The loads in a cell whose file its text names; those of other cells' variables are not known here. */
export function loads(source: string): Load[] {
  const text = bare(source);
  const known = names(text);
  const found = [...text.matchAll(CALL)].map(match => {
    const rest = text.slice(match.index + match[0].length).replace(/^\s+/, '');
    const direct = literal(rest.replace(OPENER, ''));
    return { call: `${match[1]}.load`, path: direct ?? known.get(GIVEN.exec(rest)?.[1] ?? '') ?? '' };
  });
  return found.filter((load, i) => load.path && !/^\w+:\/\//.test(load.path) && found.findIndex(other => other.path === load.path) === i);
}
