// @vitest-environment jsdom
import { afterEach, expect, it, vi } from 'vitest';
import { el, swap } from './dom';
import { Follower } from './follow';

function visibility(state: 'hidden' | 'visible'): void {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

afterEach(() => visibility('visible'));

it('what is swapped keeps what was open and who had the focus', () => {
  const made = (more: string) => [el('button', {}, 'Cancel'), el('button', {}, 'Report'), el('details', {}, el('summary', {}, '2 high'), more)];
  const node = el('div', {}, ...made('before'));
  document.body.append(node);
  node.querySelectorAll('button')[1].focus();
  node.querySelector('details')!.open = true;
  swap(node, ...made('after'));
  expect(document.activeElement).toBe(node.querySelectorAll('button')[1]);
  expect(node.querySelector('details')!.open).toBe(true);
  expect(node.textContent).toContain('after');
  swap(node, el('p', {}, 'Gone.'));
  expect(document.activeElement).toBe(document.body);
});

it('a page that is not to be seen holds no connection, and takes it up again', async () => {
  const asked: AbortSignal[] = [];
  const open = vi.fn((_: string, { signal }: RequestInit) => {
    asked.push(signal!);
    return new Promise<Response>((_, no) => signal!.addEventListener('abort', () => no(new Error('aborted'))));
  });
  const follower = new Follower({ open } as never);
  const heard = vi.fn();
  follower.news.connect(heard);
  visibility('visible');
  expect(asked.length).toBe(0); // nobody asked it to follow yet
  follower.again();
  visibility('visible');
  expect(asked.length).toBe(1);
  visibility('hidden');
  expect(asked[0].aborted).toBe(true);
  follower.again();
  expect(asked.length).toBe(1);
  visibility('visible');
  expect(asked.length).toBe(2);
  expect(asked[1].aborted).toBe(false);
  await Promise.resolve();
  expect(heard).not.toHaveBeenCalled(); // letting go is no loss
  follower.dispose();
  visibility('hidden');
  visibility('visible');
  expect(asked.length).toBe(2);
});
