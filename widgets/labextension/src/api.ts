/** Tiltyard's REST API: one function to ask, and its refusals in one line. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

/** What the server answered instead: one line for a person. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number
  ) {
    super(message);
  }
}

/** The server has no such extension; `message` says how to enable it. */
export class Disabled extends Refusal {
  constructor(trans: TranslationBundle = nullTranslator.load('tiltyard')) {
    const how = trans.__('Enable it with "%1", then restart Jupyter.', 'jupyter server extension enable tiltyard_widgets.server');
    super(`${trans.__("Tiltyard's server extension is not enabled in this Jupyter.")} ${how}`, 404);
  }
}

/** One line for whatever went wrong. */
export function line(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Query = Record<string, string | number>;

export class Api {
  constructor(
    readonly settings: ServerConnection.ISettings,
    private readonly trans?: TranslationBundle
  ) {}

  /** The address of `path`. */
  url(path: string, query: Query = {}): string {
    const given = Object.fromEntries(Object.entries(query).map(([k, v]) => [k, String(v)]));
    const asked = Object.keys(given).length ? `?${new URLSearchParams(given)}` : '';
    return URLExt.join(this.settings.baseUrl, 'tiltyard', 'api', path) + asked;
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.json<T>(path, { method: 'GET' }, query);
  }

  post<T>(path: string, body?: object): Promise<T> {
    const given = body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {};
    return this.json<T>(path, { method: 'POST', ...given });
  }

  delete<T>(path: string): Promise<T> {
    return this.json<T>(path, { method: 'DELETE' });
  }

  /** The response itself, once it is a good one. */
  async open(path: string, init: RequestInit = {}, query: Query = {}): Promise<Response> {
    const response = await ServerConnection.makeRequest(this.url(path, query), init, this.settings);
    if (!response.ok) {
      throw await refusal(response, this.trans);
    }
    return response;
  }

  private async json<T>(path: string, init: RequestInit, query: Query = {}): Promise<T> {
    return (await (await this.open(path, init, query)).json()) as T;
  }
}

/** The server's own line, or that it is not there: what answers 404 without our three parts is Jupyter itself. */
export async function refusal(response: Response, trans?: TranslationBundle): Promise<Refusal> {
  const answer: { expected?: string; message?: string } = await response.json().catch(() => ({}));
  if (response.status === 404 && answer.expected === undefined) {
    return new Disabled(trans);
  }
  return new Refusal(answer.message || `The server answered ${response.status} ${response.statusText}`.trim(), response.status);
}
