import { describe, expect, it } from 'vitest';
import { pieces } from './follow';
import { TabMemory } from './kept';
import { HEIGHT, inSight } from './list';
import { bare, loads } from './loads';
import { Offered } from './menus';
import { remembered } from './remembered';
import { Runs, PAGE } from './runs';
import { outcome, progress, proof, span } from './say';
import { asking, opening, stateOf } from './state';
import { summary } from './summary';
import { Verdicts } from './verdicts';

describe('events', () => {
  it('come whole, however they are cut', () => {
    const text = 'retry: 3000\n\nevent: run\ndata: {"a":1}\n\n: still here\n\nevent: progress\ndata: {"b"';
    const { events, rest } = pieces(text);
    expect(events).toEqual([{ event: 'run', data: '{"a":1}' }]);
    expect(pieces(`${rest}:2}\n\n`).events).toEqual([{ event: 'progress', data: '{"b":2}' }]);
  });
});

describe('loads in a cell', () => {
  const cases: [string, string[]][] = [
    ['torch.load("a.pt")', ['a.pt']],
    ["model = torch.load('a.pt', weights_only=False)", ['a.pt']],
    ['pickle.load(open("a.pkl", "rb"))', ['a.pkl']],
    ['with open("b.pkl", "rb") as f:\n    m = pickle.load(f)', ['b.pkl']],
    ['path = "c.joblib"\njoblib.load(path)', ['c.joblib']],
    ['joblib.load(Path("d.joblib"))', ['d.joblib']],
    ['torch.load(r"e\\f.pt")', ['e\\f.pt']],
    ['# torch.load("a.pt")', []],
    ['torch.load("a#b.pt")  # as it is', ['a#b.pt']],
    ['mytorch.load("a.pt")', []],
    ['json.load(open("a.json"))', []],
    ['torch.load(name)', []],
    ['torch.load("https://x.example/a.pt")', []],
    ['torch.load("a.pt"); torch.load("a.pt")', ['a.pt']],
    ['pickle.load(f"{x}.pkl")', []]
  ];
  it.each(cases)('%s', (source, paths) => expect(loads(source).map(load => load.path)).toEqual(paths));

  it('leaves strings when it takes comments', () => expect(bare('a = "#x" # y')).toBe('a = "#x" '));

  it('ends on any text', () => {
    for (const text of ['torch.load(', 'torch.load("', '"""', "pickle.load(open('", 'torch.load('.repeat(3000)]) {
      expect(loads(text)).toEqual([]);
    }
  });
});

describe('what is remembered', () => {
  it('is asked once while it is good, and anew after it failed', async () => {
    const known = new Map<string, Promise<string>>();
    const answers = [() => Promise.reject(new Error('no line')), async () => 'safe', async () => 'never asked'];
    const ask = () => remembered(known, 'a.pkl', () => answers.shift()!());
    const [one, other] = [ask(), remembered(known, 'a.pkl', () => Promise.resolve('asked twice'))];
    await expect(one).rejects.toThrow('no line');
    await expect(other).rejects.toThrow('no line');
    expect(known.size).toBe(0);
    expect(await ask()).toBe('safe');
    expect(await ask()).toBe('safe');
    expect(answers.length).toBe(1);
  });
});

describe('the memory of a tab', () => {
  class Memory {
    getItem = (key: string) => (this as never as Record<string, string>)[key] ?? null;
    setItem = (key: string, value: string) => void Object.assign(this, { [key]: value });
    removeItem = (key: string) => void delete (this as never as Record<string, string>)[key];
  }

  it('gives back what was kept under its own name, by namespace, until it is removed', async () => {
    const memory = new Memory() as never as Storage;
    const [one, other] = [new TabMemory('tree ', memory), new TabMemory('edit ', memory)];
    await one.save('tabs:a', '1');
    await one.save('tabsmore:b', '2');
    await other.save('tabs:c', '3');
    expect(await one.list('tabs')).toEqual({ ids: ['tabs:a'], values: ['1'] });
    expect((await one.list()).ids.sort()).toEqual(['tabs:a', 'tabsmore:b']);
    expect([await one.fetch('tabs:a'), await one.fetch('tabs:c')]).toEqual(['1', undefined]);
    await one.remove('tabs:a');
    expect((await one.list('tabs')).ids).toEqual([]);
  });
});

describe('the long list', () => {
  it('holds what is in sight, of any length', () => {
    const [first, last] = inSight(5000 * HEIGHT, 10 * HEIGHT, 10_000);
    expect(first).toBeLessThanOrEqual(5000);
    expect(last).toBeGreaterThanOrEqual(5010);
    expect(last - first).toBeLessThan(30);
    expect(inSight(0, 400, 0)).toEqual([0, 0]);
    expect(inSight(0, 10 * HEIGHT, 3)).toEqual([0, 3]);
  });
});

const run = (id: string, more: object = {}) => ({ id, name: id, started: '', state: 'running', counts: {}, severities: {}, progress: null, ...more });

describe('runs', () => {
  const asked: number[] = [];
  const api = {
    get: async (_: string, { offset }: { offset: number }) => {
      asked.push(offset);
      return { store: { state: 'ok', detail: '' }, total: 10_000, offset, runs: Array.from({ length: PAGE }, (_, i) => run(`${offset + i}`)) };
    }
  };
  const settled = () => new Promise(done => setTimeout(done));

  it('asks for a page once, and anew when a run began', async () => {
    const runs = new Runs(api as never);
    expect(runs.item(4321)).toBeUndefined();
    runs.item(4399);
    await settled();
    expect(asked).toEqual([4300]);
    expect(runs.item(4321)?.id).toBe('4321');
    expect(runs.total).toBe(10_000);
    runs.hear({ event: 'run', data: { change: 'started', id: 'new', run: run('new'), total: 10_001 } } as never);
    expect(runs.item(4321)?.id).toBe('4321');
    await settled();
    expect(asked.filter(at => at === 4300).length).toBe(2);
    expect(runs.open.map(r => r.id)).toEqual(['new']);
    expect(runs.underway).toEqual([]);
  });

  it('keeps a window in which nothing goes on among the open ones, and calls it that', () => {
    const runs = new Runs(api as never);
    const trans = { __: (text: string) => text, _n: (one: string) => one.replace('%1', '1') } as never;
    runs.hear({ event: 'hello', data: { store: { state: 'ok', detail: '' }, total: 2, runs: [run('a', { state: 'open' }), run('b', { state: 'cut off' })] } } as never);
    expect([runs.open.map(r => r.id), runs.underway]).toEqual([['a'], []]);
    expect(outcome(trans, runs.open[0])).toBe('open · no check yet');
    const busy = run('a', { counts: { running: 1 }, asked: 1 });
    runs.hear({ event: 'run', data: { change: 'changed', id: 'a', run: busy, total: 2 } } as never);
    expect(runs.open.map(r => outcome(trans, r))).toEqual(['running · 1 check']);
  });

  it('say by sign and word that they are not as they were written', () => {
    const trans = { __: (text: string) => text, _n: (one: string) => one.replace('%1', '1') } as never;
    const summary = (more: object) => outcome(trans, { ...run('a', { state: 'finished', verdict: 'pass' }), ...more } as never);
    expect(summary({ proof: 'intact' })).toBe('pass · no check yet');
    expect(summary({ proof: 'broken', doubt: 'its owner was edited' })).toBe('✕ broken · pass · no check yet');
    expect(summary({ proof: 'unproven' })).toBe('? unproven · pass · no check yet');
    expect(proof(trans, { proof: 'broken', doubt: 'its owner was edited' }, true)).toBe('✕ broken: its owner was edited');
  });

  it('follows progress and end, and says why there is no news', () => {
    const runs = new Runs(api as never);
    runs.hear({ event: 'hello', data: { store: { state: 'locked', detail: 'locked' }, total: 1, runs: [run('a')] } } as never);
    runs.hear({ event: 'progress', data: { id: 'a', progress: { done: 0.5, message: '', left: 61, cancelling: false } } } as never);
    expect(progress({ __: (text: string, ...given: string[]) => text.replace('%1', given[0]) } as never, runs.underway[0].progress)).toBe('50 % · 1 min 1 s left');
    runs.hear({ event: 'run', data: { change: 'ended', id: 'a', run: run('a', { state: 'finished' }), total: 1 } } as never);
    expect(runs.underway).toEqual([]);
    expect(runs.open).toEqual([]);
    expect(runs.store?.state).toBe('locked');
    runs.hear({ event: 'lost', data: new Error('no line') });
    expect(runs.lost).toBe('no line');
  });

  it('takes back that a page could not be had once it comes, but not that the line is cut', async () => {
    const answers = [Promise.reject(new Error('damaged')), api.get('', { offset: 0 }), api.get('', { offset: 0 })];
    const runs = new Runs({ get: () => answers.shift() } as never);
    const again = async (text: string) => {
      runs.search(text);
      await settled();
      return runs.lost;
    };
    expect(await again('a')).toBe('damaged');
    expect(await again('b')).toBe('');
    runs.hear({ event: 'lost', data: new Error('no line') });
    expect(await again('c')).toBe('no line');
  });
});

describe('the state of a tab', () => {
  it('takes only what is its own', () => {
    expect(stateOf({ panel: 3, source: { a: 1, sample: 'census' }, more: 1 })).toEqual({ panel: '', source: { sample: 'census' }, run: '', busy: '' });
    expect(stateOf(null).panel).toBe('');
  });
  it('is a literal in Python, whatever is in it', () => {
    const code = opening(stateOf({ panel: `"'\n\\` }));
    expect(code.split('\n').length).toBe(3);
    expect(JSON.parse(JSON.parse(/loads\((.*)\)\)$/.exec(code)![1])).panel).toBe(`"'\n\\`);
  });
  it('asks for cells of the same', () => {
    expect(asking(stateOf({ panel: 'load', source: { source: 'files', model_file: 'a.pt', sample: 'census' } }))).toEqual({ panel: 'load', model: 'a.pt' });
    expect(asking(stateOf({ panel: 'privacy', source: { source: 'sample', sample: 'digits' } }))).toEqual({ panel: 'privacy', sample: 'digits' });
  });
  it('says seconds as people do', () => expect([span(4.4), span(61), span(3700)]).toEqual(['4 s', '1 min 1 s', '1 h 1 min']));
});

describe('what the menus offer', () => {
  const answer = { panels: [{ id: 'load', label: 'Model and data' }], scanned_suffixes: ['.bin', '.ckpt'] };

  it('is what the server says', async () => {
    const offered = new Offered({ get: <T>(path: string) => Promise.resolve((path === 'menus' ? answer : {}) as T) });
    expect(await offered.panels).toEqual(answer.panels);
    expect(['a/model.bin', 'MODEL.CKPT', 'notes.md', 'model'].map(path => offered.scans(path))).toEqual([true, true, false, false]);
  });

  it('is a scan of every file, and no panel, where the server does not say', async () => {
    const offered = new Offered({ get: () => Promise.reject(new Error('not enabled')) });
    expect(await offered.panels).toEqual([]);
    expect(offered.scans('notes.md')).toBe(true);
  });
});

describe('scans', () => {
  const trans = { __: (text: string, ...given: unknown[]) => text.replace(/%(\d)/g, (_, n) => String(given[Number(n) - 1])), _n: (one: string, many: string, n: number) => (n === 1 ? one : many).replace('%1', String(n)) };
  const file = (verdict: string | null, kind = 'model') => ({ path: 'a', kind, problem: '', verdict: verdict && { verdict } });

  it('sums up many files in one line, the worst first', () => {
    const files = [file('safe'), file('malicious'), file('safe'), file(null, 'link'), file('unproven', 'document')];
    expect(summary(trans as never, { files, left_out: 0, remark: '' } as never)).toBe('5 files: 1 malicious, 1 unproven, 2 safe, 1 no models.');
    expect(summary(trans as never, { files: [file('unproven', 'document')], left_out: 0, remark: '' } as never)).toContain('Nothing to judge');
  });

  it('knows a verdict only of a file as it was, from the server', async () => {
    const at = '2026-11-30T23:00:00.123456Z';
    const verdicts = new Verdicts({ get: async () => ({ files: [{ path: 'm.pt', verdict: 'safe', sha256: '', modified: Date.parse(at) }] }) } as never);
    expect(verdicts.of('m.pt', at)).toBe('');
    await verdicts.look('');
    expect(verdicts.of('m.pt', at)).toBe('safe');
    expect(verdicts.of('m.pt', '2026-11-30T23:00:05Z')).toBe('');
    expect(verdicts.of('other.pt', at)).toBe('');
  });
});
