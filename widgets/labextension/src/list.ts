/** A list of any length of which only what is in sight is in the page: one tab stop, arrows, Home, End, Enter; space marks. */

import { el } from './dom';

export interface Rows {
  /** How many there are. */
  count(): number;
  /** What stands in row `index`; an id where there is one. */
  row(index: number): { id: string; content: Node[]; label: string };
  open(id: string): void;
  /** At most two are marked; more push out the oldest. */
  mark(marked: string[]): void;
}

export const HEIGHT = 46;
const BEYOND = 4;

/** Which rows are to be in the page for a list `count` long, scrolled to `top` in a box of `height`. */
export function inSight(top: number, height: number, count: number): [number, number] {
  const first = Math.max(0, Math.floor(top / HEIGHT) - BEYOND);
  return [first, Math.min(count, Math.ceil((top + height) / HEIGHT) + BEYOND)];
}

export class LongList {
  constructor(
    label: string,
    private readonly rows: Rows
  ) {
    this.node = el('div', {
      class: 'tiltyard-list',
      role: 'listbox',
      tabindex: '0',
      'aria-label': label,
      'aria-multiselectable': 'true',
      onscroll: () => this.draw(),
      onkeydown: event => this.key(event as KeyboardEvent),
      onclick: event => this.click(event as MouseEvent)
    });
    this.node.append(this.sizer);
  }

  readonly node: HTMLElement;
  marked: string[] = [];

  /** Bring what is in sight in line with the rows. */
  draw(): void {
    const count = this.rows.count();
    this.sizer.style.height = `${count * HEIGHT}px`;
    this.active = Math.min(this.active, Math.max(0, count - 1));
    const [first, last] = inSight(this.node.scrollTop, this.node.clientHeight, count);
    const made = new Map<string, HTMLElement>();
    for (let i = first; i < last; i++) {
      const { id, content, label } = this.rows.row(i);
      const key = JSON.stringify([i, count, id, label, i === this.active, this.marked.includes(id)]);
      made.set(key, this.drawn.get(key) ?? this.made(i, count, id, content, label));
    }
    this.put(made);
    const shown = this.active >= first && this.active < last;
    this.node.setAttribute('aria-activedescendant', count && shown ? this.id(this.active) : '');
  }

  /** What stays is not touched, so that a click that began on it also ends on it. */
  private put(made: Map<string, HTMLElement>): void {
    this.drawn.forEach((node, key) => made.has(key) || node.remove());
    made.forEach(node => node.parentNode || this.sizer.append(node));
    this.drawn = made;
  }

  private made(index: number, count: number, id: string, content: Node[], label: string): HTMLElement {
    const given = { 'aria-posinset': String(index + 1), 'aria-setsize': String(count), 'aria-label': label, 'data-id': id };
    const box = el('span', { class: 'tiltyard-mark', 'aria-hidden': 'true' }, this.marked.includes(id) ? '☑' : '☐');
    const style = `top:${index * HEIGHT}px;height:${HEIGHT}px`;
    const selected = String(this.marked.includes(id));
    const more = { 'data-active': index === this.active, 'data-index': String(index), 'aria-selected': selected };
    return el('div', { role: 'option', id: this.id(index), class: 'tiltyard-run', style, ...given, ...more }, box, el('div', {}, ...content));
  }

  private id(index: number): string {
    return `tiltyard-row-${index}`;
  }

  private key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.node.clientHeight / HEIGHT) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.move(this.active + steps[event.key]);
    } else if (event.key === 'Enter') {
      this.open(this.active);
    } else if (event.key === ' ') {
      this.mark(this.rows.row(this.active).id);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private move(to: number): void {
    this.active = Math.max(0, Math.min(this.rows.count() - 1, to));
    const top = this.active * HEIGHT;
    if (top < this.node.scrollTop) {
      this.node.scrollTop = top;
    } else if (top + HEIGHT > this.node.scrollTop + this.node.clientHeight) {
      this.node.scrollTop = top + HEIGHT - this.node.clientHeight;
    }
    this.draw();
  }

  private click(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>('.tiltyard-run');
    if (!row) {
      return;
    }
    this.active = Number(row.dataset.index);
    if ((event.target as Element).closest('.tiltyard-mark') || event.ctrlKey || event.metaKey) {
      this.mark(row.dataset.id ?? '');
    } else {
      this.open(this.active);
      this.draw();
    }
  }

  private open(index: number): void {
    const { id } = index < this.rows.count() ? this.rows.row(index) : { id: '' };
    if (id) {
      this.rows.open(id);
    }
  }

  private mark(id: string): void {
    if (id) {
      this.marked = this.marked.includes(id) ? this.marked.filter(other => other !== id) : [...this.marked, id].slice(-2);
      this.rows.mark(this.marked);
      this.draw();
    }
  }

  private readonly sizer = el('div', { class: 'tiltyard-sizer', role: 'presentation' });
  private drawn = new Map<string, HTMLElement>();
  private active = 0;
}
