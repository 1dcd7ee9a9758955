/** Server-sent events, read with the same login as every other request. */

import { type ISignal, Signal } from '@lumino/signaling';
import { type Api, Disabled } from './api';
import type { Events } from './generated/api';

const AGAIN = 3000;

/** What a connection says: an event of the API, or that there is none and why. */
export type News = { [K in keyof Events]: { event: K; data: Events[K] } }[keyof Events] | { event: 'lost'; data: unknown };

/** The whole events in `text`, and what is left of an unfinished one. */
export function pieces(text: string): { events: { event: string; data: string }[]; rest: string } {
  const parts = text.replace(/\r\n?/g, '\n').split('\n\n');
  const rest = parts.pop() ?? '';
  const events = parts.map(part => {
    const lines = part.split('\n');
    const of = (name: string) => lines.filter(l => l.startsWith(`${name}:`)).map(l => l.slice(name.length + 1).trimStart());
    return { event: of('event').pop() ?? 'message', data: of('data').join('\n') };
  });
  return { events: events.filter(e => e.data !== ''), rest };
}

/**
 * Follows `events` until disposed; comes again where the line is cut, and waits for `again` where nobody answers there.
 *
 * A page that is not to be seen lets go of the line: a browser has six to a server for all of its tabs together, and Jupyter needs them.
 */
export class Follower {
  constructor(private readonly api: Api) {
    document.addEventListener('visibilitychange', this.seen);
  }

  /** Every event. */
  get news(): ISignal<this, News> {
    return this._news;
  }

  /** Begin, or begin anew. */
  again(): void {
    this._wanted = true;
    this._stop?.abort();
    if (document.visibilityState !== 'hidden') {
      this._stop = new AbortController();
      void this.run(this._stop.signal);
    }
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this.seen);
    this._wanted = false;
    this._stop?.abort();
    Signal.clearData(this);
  }

  private readonly seen = (): void => {
    if (document.visibilityState === 'hidden') {
      this._stop?.abort();
    } else if (this._wanted && this._stop?.signal.aborted !== false) {
      this.again();
    }
  };

  private async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        const response = await this.api.open('events', { signal: stop, cache: 'no-store' });
        await this.read(response.body!.getReader(), stop);
      } catch (error) {
        if (stop.aborted) {
          return;
        }
        this._news.emit({ event: 'lost', data: error });
        if (error instanceof Disabled) {
          this._wanted = false;
          return;
        }
      }
      await new Promise(done => setTimeout(done, AGAIN));
    }
  }

  private async read(reader: ReadableStreamDefaultReader<Uint8Array>, stop: AbortSignal): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || stop.aborted) {
        return;
      }
      const found = pieces(rest + decoder.decode(value, { stream: true }));
      rest = found.rest;
      for (const { event, data } of found.events) {
        this._news.emit({ event, data: JSON.parse(data) } as News);
      }
    }
  }

  private readonly _news = new Signal<this, News>(this);
  private _stop?: AbortController;
  private _wanted = false;
}
