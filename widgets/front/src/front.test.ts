// Frames of the websocket, versions of widgets, and the order in which a kernel's words are heard.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Comm, Kernel } from "./kernel";
import { decoded, encoded, type Message } from "./messages";
import { fits } from "./versions";

const message = (kind: string, content: object, parent = ""): Message => ({
  channel: "iopub",
  header: { msg_id: "m", msg_type: kind, session: "s", username: "", version: "5.3", date: "" },
  parent_header: parent ? { msg_id: parent } : {},
  metadata: { version: "2.1.0" },
  content,
  buffers: [],
});

test("a frame holds what was put into it, buffers too", () => {
  const whole = { ...message("comm_msg", { word: "Grüße" }), buffers: [new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 2), new DataView(new ArrayBuffer(0))] };
  const read = decoded(encoded(whole));
  expect({ ...read, buffers: [] }).toEqual({ ...whole, buffers: [] });
  expect(read.buffers.map((one) => [...new Uint8Array(one.buffer)])).toEqual([[2, 3], []]);
});

test("a frame stands as the protocol says: count and offsets of 64 bits, little-endian", () => {
  const frame = encoded(message("status", {}));
  const at = (index: number) => Number(new DataView(frame).getBigUint64(8 * index, true));
  expect(at(0)).toBe(6);
  expect(at(1)).toBe(8 * 7);
  expect(at(6)).toBe(frame.byteLength);
  expect(new TextDecoder().decode(new Uint8Array(frame, at(1), at(2) - at(1)))).toBe("iopub");
});

test.each([
  ["2.0.0", "2.0.0", true],
  ["1.5.0", "2.0.0", false],
  ["2.1.0", "2.0.0", false],
  ["2.0.0", "2.1.3", true],
  ["~0.11.*", "0.11.0", true],
  ["~0.10.*", "0.11.0", false],
  ["~0.12.*", "0.11.0", false],
  ["~1.0.*", "0.11.0", false],
  ["*", "2.0.0", false],
  ["", "2.0.0", false],
])("%s of a widget by ours of %s: %s", (asked, ours, yes) => {
  expect(fits(asked, ours)).toBe(yes);
});

class Socket {
  static OPEN = 1;
  static made: Socket[] = [];
  readyState = 0;
  sent: Message[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage = (_: { data: ArrayBuffer }) => {};
  constructor(readonly address: string, readonly protocols: string[]) {
    Socket.made.push(this);
  }
  send(frame: ArrayBuffer) {
    this.sent.push(decoded(frame));
  }
  close() {
    this.readyState = 3;
    this.onclose();
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  say(one: Message) {
    this.onmessage({ data: encoded(one) });
  }
}

beforeEach(() => {
  Socket.made = [];
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { origin: "https://host" });
  vi.useFakeTimers();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("what is said before the socket is open is sent then, in its order, under the server's own path", () => {
  const kernel = new Kernel("/user/ada/", "k");
  const comm = new Comm(kernel, "t", "c");
  comm.open({ a: 1 });
  comm.send({ b: 2 });
  expect(Socket.made[0].sent).toEqual([]);
  Socket.made[0].open();
  expect(Socket.made[0].address).toMatch(/^wss:\/\/host\/user\/ada\/api\/kernels\/k\/channels\?session_id=.+/);
  expect(Socket.made[0].sent.map((one) => [one.header.msg_type, one.content.data])).toEqual([["comm_open", { a: 1 }], ["comm_msg", { b: 2 }]]);
});

test("an update waits for the model that is still made, and one that breaks stops none after it", async () => {
  const kernel = new Kernel("/", "k");
  const heard: unknown[] = [];
  let made = () => {};
  kernel.opened = async (comm) => {
    await new Promise<void>((resolve) => (made = resolve));
    comm.on_msg((one) => {
      heard.push(one.content.data);
      if (one.content.data === 1) throw new Error("broken view");
    });
  };
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  Socket.made[0].open();
  Socket.made[0].say(message("comm_open", { comm_id: "c", target_name: "t" }));
  for (const data of [1, 2]) Socket.made[0].say(message("comm_msg", { comm_id: "c", data }));
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual([]);
  made();
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toEqual([1, 2]);
  expect(error).toHaveBeenCalledOnce();
});

test("who sent a message hears that the kernel is done with it, and nobody hears of another's", async () => {
  const kernel = new Kernel("/", "k");
  const status = vi.fn();
  Socket.made[0].open();
  const id = new Comm(kernel, "t", "c").send({}, { iopub: { status } });
  Socket.made[0].say(message("status", { execution_state: "idle" }, "another"));
  Socket.made[0].say(message("status", { execution_state: "busy" }, id));
  Socket.made[0].say(message("status", { execution_state: "idle" }, id));
  Socket.made[0].say(message("status", { execution_state: "idle" }, id));
  await vi.advanceTimersByTimeAsync(0);
  expect(status.mock.calls.map(([one]) => one.content.execution_state)).toEqual(["busy", "idle"]);
});

test("a connection that breaks is taken up again with the same session, and what was said meanwhile is sent", async () => {
  vi.stubGlobal("fetch", vi.fn(async () => ({ ok: true, status: 200 })));
  const kernel = new Kernel("/", "k");
  kernel.renewed = vi.fn();
  Socket.made[0].open();
  expect(kernel.renewed).not.toHaveBeenCalled();
  Socket.made[0].close();
  new Comm(kernel, "t", "c").send({ late: true });
  await vi.advanceTimersByTimeAsync(2000);
  expect(Socket.made.map((one) => one.address)).toEqual([Socket.made[0].address, Socket.made[0].address]);
  Socket.made[1].open();
  expect(Socket.made[1].sent.map((one) => one.content.data)).toEqual([{ late: true }]);
  expect(kernel.renewed).toHaveBeenCalledOnce();
});

test("a kernel that is gone is asked for no more", async () => {
  vi.stubGlobal("fetch", vi.fn(async () => ({ ok: false, status: 404 })));
  vi.spyOn(console, "error").mockImplementation(() => {});
  new Kernel("/", "k");
  Socket.made[0].close();
  await vi.advanceTimersByTimeAsync(300_000);
  expect(Socket.made.length).toBe(1);
  expect(fetch).toHaveBeenCalledOnce();
});
