import { describe, expect, it } from "vitest";
import { readEvents, type ServerSentEvent } from "../../sdk/src/http/events.ts";

async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size = text.length): Promise<ServerSentEvent[]> {
  const events = [];
  for await (const event of readEvents(inChunks(text, Math.max(1, size)))) events.push(event);
  return events;
}

const STREAM = 'event: log\ndata: {"message":"grüße 👋"}\n\n: still running\n\nevent: result\ndata: {}\n\n';
const EVENTS = [
  { event: "log", data: '{"message":"grüße 👋"}' },
  { event: "result", data: "{}" },
];

describe("server-sent events", () => {
  it.each([1, 2, 3, 7, 1000])("are the same in chunks of %i bytes", async (size) => {
    expect(await read(STREAM, size)).toEqual(EVENTS);
    expect(await read(STREAM.replaceAll("\n", "\r\n"), size)).toEqual(EVENTS);
    expect(await read(STREAM.replaceAll("\n", "\r"), size)).toEqual(EVENTS);
  });

  it("follow the standard in their fields", async () => {
    expect(await read("data: a\ndata:b\ndata:  c\nid: 1\nretry: 2\nnonsense\n\n")).toEqual([{ event: "message", data: "a\nb\n c" }]);
    expect(await read("event: empty\n\ndata\n\n")).toEqual([{ event: "message", data: "" }]);
  });

  it("are dropped when the end cuts them off", async () => {
    expect(await read("event: a\ndata: 1\n\nevent: b\ndata: 2\n")).toEqual([{ event: "a", data: "1" }]);
    expect(await read("")).toEqual([]);
  });

  it("take time in proportion to their size", async () => {
    const data = "x".repeat(8_000_000);
    expect(await read(`data: ${data}\n\n`, 16_384)).toEqual([{ event: "message", data }]);
  }, 2_000);
});
