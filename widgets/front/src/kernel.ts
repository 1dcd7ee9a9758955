// The connection of a page to its kernel: comms, and what the kernel says of each message. A connection that breaks is taken up again.
import type { ICallbacks } from "@jupyter-widgets/base";
import { decoded, encoded, type Message, PROTOCOL } from "./messages";

export const CONTROL = "jupyter.widget.control";
const AGAIN = [0.5, 1, 2, 4, 8, 15, 30, 60, 60, 60];  // s between tries, each a little earlier or later by chance
const HELD = 5000;  // messages whose end the kernel has not said

// biome-ignore lint/suspicious/noExplicitAny: data of a comm are whatever its two ends agree on
type Data = any;
type Heard = (message: Message) => unknown;
type Buffers = (ArrayBuffer | ArrayBufferView)[] | undefined;

const view = (one: ArrayBuffer | ArrayBufferView) =>
  one instanceof ArrayBuffer ? new DataView(one) : new DataView(one.buffer as ArrayBuffer, one.byteOffset, one.byteLength);

/** One end of a comm, as ipywidgets wants it. */
export class Comm {
  heard: Heard = () => undefined;
  closed: Heard = () => undefined;

  constructor(private readonly kernel: Kernel, readonly target_name: string, readonly comm_id: string) {
    kernel.comms.set(comm_id, this);
  }

  open(data: Data, callbacks?: ICallbacks, metadata?: Data, buffers?: Buffers): string {
    return this.say("comm_open", { data, target_name: this.target_name }, callbacks, metadata, buffers);
  }

  send(data: Data, callbacks?: ICallbacks, metadata?: Data, buffers?: Buffers): string {
    return this.say("comm_msg", { data }, callbacks, metadata, buffers);
  }

  close(data?: Data, callbacks?: ICallbacks, metadata?: Data, buffers?: Buffers): string {
    if (!this.kernel.comms.delete(this.comm_id)) return "";
    return this.say("comm_close", { data: data ?? {} }, callbacks, metadata, buffers);
  }

  on_msg(callback: Heard): void {
    this.heard = callback;
  }

  on_close(callback: Heard): void {
    this.closed = callback;
  }

  private say(kind: string, content: Data, callbacks?: ICallbacks, metadata?: Data, buffers?: Buffers): string {
    return this.kernel.send(kind, { comm_id: this.comm_id, ...content }, callbacks, metadata, (buffers ?? []).map(view));
  }
}

export class Kernel {
  readonly comms = new Map<string, Comm>();
  /** What is done when the kernel opens a comm; awaited before its next message is heard. */
  opened: (comm: Comm, message: Message) => unknown = () => undefined;
  /** What is done when a connection that broke is there again: what the kernel said meanwhile may be lost. */
  renewed: () => unknown = () => undefined;
  private readonly session = crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-");
  private readonly waiting = new Map<string, ICallbacks>();
  private readonly unsent: ArrayBuffer[] = [];
  private socket: WebSocket | null = null;
  private turn: Promise<unknown> = Promise.resolve();
  private tries = 0;
  private sent = 0;
  private over = false;

  constructor(private readonly root: string, readonly id: string) {
    this.connect();
  }

  send(kind: string, content: Data, callbacks?: ICallbacks, metadata?: Data, buffers: DataView[] = []): string {
    const header = {
      msg_id: `${this.session}_${this.sent++}`, msg_type: kind, session: this.session, username: "", version: "5.3", date: new Date().toISOString(),
    };
    if (this.over) return header.msg_id;
    if (callbacks) this.held(header.msg_id, callbacks);
    const frame = encoded({ channel: "shell", header, parent_header: {}, metadata: metadata ?? {}, content, buffers });
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame);
    else this.unsent.push(frame);
    return header.msg_id;
  }

  /** Hang up for good. */
  close(): void {
    this.over = true;
    this.socket?.close();
    this.comms.clear();
    this.waiting.clear();
  }

  private held(id: string, callbacks: ICallbacks): void {
    this.waiting.set(id, callbacks);
    if (this.waiting.size > HELD) this.waiting.delete(this.waiting.keys().next().value as string);
  }

  private connect(): void {
    const address = `${location.origin.replace(/^http/, "ws")}${this.root}api/kernels/${this.id}/channels?session_id=${this.session}`;
    const socket = new WebSocket(address, [PROTOCOL]);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      const again = this.tries > 0;
      this.tries = 0;
      for (const frame of this.unsent.splice(0)) socket.send(frame);
      if (again) this.renewed();
    };
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return;
      const message = decoded(data);
      // in their order, each once what the one before it began has ended: an update wants the model that is still made
      this.turn = this.turn.then(() => this.hear(message)).catch((error) => console.error(error));
    };
    socket.onclose = () => {
      if (!this.over && socket === this.socket) this.again();
    };
  }

  private again(): void {
    const wait = AGAIN[this.tries++];
    if (wait === undefined) {
      this.lost();
      return;
    }
    setTimeout(async () => {
      if (this.over) return;
      const answer = await fetch(`${this.root}api/kernels/${this.id}`, { redirect: "manual" }).catch(() => null);
      if (answer && [403, 404].includes(answer.status)) this.lost();
      else if (answer?.ok) this.connect();
      else this.again();
    }, 1000 * wait * (0.75 + Math.random() / 2));
  }

  private lost(): void {
    console.error("The kernel of this page is not to be had any more.");
    this.over = true;
  }

  private async hear(message: Message): Promise<void> {
    if (this.over) return;
    const { content, header } = message;
    const asked = this.waiting.get(message.parent_header.msg_id ?? "");
    switch (header.msg_type) {
      case "comm_open":
        await this.opened(new Comm(this, content.target_name, content.comm_id), message);
        break;
      case "comm_msg":
        await this.comms.get(content.comm_id)?.heard(message);
        break;
      case "comm_close": {
        const comm = this.comms.get(content.comm_id);
        this.comms.delete(content.comm_id);
        await comm?.closed(message);
        break;
      }
      case "status":
        // biome-ignore lint/suspicious/noExplicitAny: ipywidgets' types want those of JupyterLab's services
        asked?.iopub?.status?.(message as any);
        if (content.execution_state === "idle") this.waiting.delete(message.parent_header.msg_id ?? "");
        break;
    }
  }
}
