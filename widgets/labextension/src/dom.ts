/** Elements in one line each; text only ever as text. */

type Child = Node | string | null | undefined | false;
type Given = Record<string, string | boolean | ((event: Event) => void)>;

/** An element: attributes, `on…` listeners, children; a false attribute is left out. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, given: Given = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'function') {
      made.addEventListener(name.slice(2), value);
    } else if (value !== false) {
      made.setAttribute(name, value === true ? '' : value);
    }
  }
  made.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false && c !== ''));
  return made;
}

/** A button in JupyterLab's look. */
export function button(label: string, press: () => void, more: Given = {}): HTMLButtonElement {
  return el('button', { type: 'button', class: 'tiltyard-push', onclick: press, ...more }, label);
}

/** Put `children` into `node`; what was open stays open, and who had the focus has it again, each known by its words. */
export function swap(node: HTMLElement, ...children: Child[]): void {
  const opened = [...node.querySelectorAll('details[open] > summary')].map(summary => summary.textContent);
  const had = node.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
  const focused = had && had !== node ? [had.tagName, had.textContent] : null;
  node.replaceChildren(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false && c !== ''));
  node.querySelectorAll('details > summary').forEach(summary => opened.includes(summary.textContent) && summary.parentElement?.setAttribute('open', ''));
  if (focused) {
    const again = [...node.querySelectorAll<HTMLElement>(focused[0]!)].find(other => other.textContent === focused[1]);
    again?.focus({ preventScroll: true });
  }
}

/** Put `text` into the browser's downloads. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = el('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
