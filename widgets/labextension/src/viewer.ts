/** `*.tiltyard.json` opens as the report it is. */

import { PathExt } from '@jupyterlab/coreutils';
import { ABCWidgetFactory, type DocumentRegistry, DocumentWidget } from '@jupyterlab/docregistry';
import { Widget } from '@lumino/widgets';
import { line } from './api';
import { button, download, el, swap } from './dom';
import type { ReportView, SignatureState } from './generated/api';
import type { Services } from './services';
import { shield } from './icon';
import { frame, print, downloaded } from './report';

const TYPE = 'tiltyard-report';
const FACTORY = 'Tiltyard report';

const SIGNS: Record<SignatureState['state'], string> = { none: '○', intact: '✓', unproven: '◐', broken: '✕', unreadable: '◐' };

/** The report of one file, made anew when the file changes. */
class ReportPage extends Widget {
  constructor(
    private readonly all: Services,
    private readonly context: DocumentRegistry.Context
  ) {
    super();
    this.addClass('tiltyard-view');
    this.addClass('tiltyard-sheet');
    this.node.append(el('p', { role: 'status' }, all.trans.__('Loading …')));
    void context.ready.then(() => {
      context.fileChanged.connect(this.refresh, this);
      return this.refresh();
    });
  }

  async refresh(): Promise<void> {
    const { api, app } = this.all;
    const turn = ++this.turn;
    try {
      const path = app.serviceManager.contents.localPath(this.context.path);
      const made = await api.post<ReportView>('report', { path });
      if (turn === this.turn) {
        swap(this.node, this.tools(made), frame(made.html, made.title));
      }
    } catch (error) {
      swap(this.node, el('p', { class: 'tiltyard-trouble', role: 'alert' }, line(error)));
    }
  }

  private turn = 0;

  private tools(made: ReportView): HTMLElement {
    const { trans } = this.all;
    const { state, detail } = made.signature;
    const signed = el('span', { class: 'tiltyard-signature', 'data-state': state }, el('span', { 'aria-hidden': 'true' }, SIGNS[state]), ` ${signatureText(this.all, state)} ${detail}`);
    const name = PathExt.basename(this.context.path).replace(/\.tiltyard\.json$/, '');
    const html = () => download(new Blob([made.html], { type: 'text/html' }), `${name}.html`);
    const pdf = button(trans.__('Save PDF'), () => void downloaded(trans, pdf, () => this.pdf(), `${name}.pdf`));
    const paper = button(trans.__('Print …'), () => print(made.html));
    return el('div', { class: 'tiltyard-actions' }, button(trans.__('Save HTML'), html), pdf, paper, signed);
  }

  private pdf(): Promise<Response> {
    const { api, app } = this.all;
    const path = app.serviceManager.contents.localPath(this.context.path);
    return api.open('report/pdf', { method: 'POST', body: JSON.stringify({ path }), headers: { 'Content-Type': 'application/json' } });
  }
}

function signatureText({ trans }: Services, state: SignatureState['state']): string {
  const words: Record<SignatureState['state'], string> = {
    none: trans.__('Not signed.'),
    intact: trans.__('Signature intact.'),
    unproven: trans.__('Signed by a key that is not known here.'),
    broken: trans.__('Signature broken: the report is not what was signed.'),
    unreadable: trans.__('What lies beside it is no signature of it.')
  };
  return words[state];
}

class Factory extends ABCWidgetFactory<DocumentWidget> {
  constructor(
    private readonly all: Services,
    options: DocumentRegistry.IWidgetFactoryOptions
  ) {
    super(options);
  }

  protected createNewWidget(context: DocumentRegistry.Context): DocumentWidget {
    const made = new DocumentWidget({ content: new ReportPage(this.all, context), context });
    made.toolbar.hide();
    made.title.icon = shield;
    return made;
  }
}

export function addViewer(all: Services): void {
  const { app, trans } = all;
  app.docRegistry.addFileType({ name: TYPE, displayName: trans.__('Tiltyard report'), extensions: ['.tiltyard.json'], mimeTypes: ['application/json'], fileFormat: 'text', contentType: 'file', icon: shield });
  app.docRegistry.addWidgetFactory(new Factory(all, { name: FACTORY, label: trans.__('Tiltyard report'), fileTypes: [TYPE], defaultFor: [TYPE], readOnly: true }));
}
