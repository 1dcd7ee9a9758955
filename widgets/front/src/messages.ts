// Messages of a kernel as they stand in a websocket's frame, by the protocol v1.kernel.websocket.jupyter.org: offsets of the parts (64 bits,
// little-endian), then channel, header, parent header, metadata and content as JSON, then buffers.

export const PROTOCOL = "v1.kernel.websocket.jupyter.org";

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  version: string;
  date: string;
}

export interface Message {
  channel: string;
  header: Header;
  parent_header: Partial<Header>;
  metadata: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: what a message holds its kind says
  content: any;
  buffers: DataView[];
}

const WORD = 8;  // bytes of an offset

export const encoded = (message: Message): ArrayBuffer => {
  const write = new TextEncoder();
  const texts = [message.header, message.parent_header, message.metadata, message.content].map((one) => write.encode(JSON.stringify(one)));
  const buffers = message.buffers.map((one) => new Uint8Array(one.buffer, one.byteOffset, one.byteLength));
  const parts = [write.encode(message.channel), ...texts, ...buffers];
  const head = WORD * (2 + parts.length);
  const frame = new Uint8Array(head + parts.reduce((sum, one) => sum + one.byteLength, 0));
  const offsets = new DataView(frame.buffer);
  offsets.setBigUint64(0, BigInt(parts.length + 1), true);
  let place = head;
  parts.forEach((part, index) => {
    offsets.setBigUint64(WORD * (1 + index), BigInt(place), true);
    frame.set(part, place);
    place += part.byteLength;
  });
  offsets.setBigUint64(WORD * (1 + parts.length), BigInt(place), true);
  return frame.buffer;
};

export const decoded = (frame: ArrayBuffer): Message => {
  const view = new DataView(frame);
  const at = (index: number) => Number(view.getBigUint64(WORD * index, true));
  const count = at(0) - 1;
  const read = new TextDecoder();
  const text = (index: number) => read.decode(new Uint8Array(frame, at(1 + index), at(2 + index) - at(1 + index)));
  const [header, parent_header, metadata, content] = [1, 2, 3, 4].map((index) => JSON.parse(text(index)));
  const buffers = Array.from({ length: count - 5 }, (_, n) => new DataView(frame.slice(at(6 + n), at(7 + n))));
  return { channel: text(0), header, parent_header, metadata, content, buffers };
};
