// A Ledger over WebHID: commands in, answers and status words out.

import type { Foreign } from "./codec";

const vendor = 0x2c97;
const usagePage = 0xffa0;
const packetSize = 64;
const tag = 5;

/** What stands between the person and a signature; the page has a sentence for each kind. */
export class Problem extends Error {
  constructor(
    readonly kind: "none" | "busy" | "lost" | "locked" | "app" | "old" | "path" | "odd",
    readonly filled: Record<string, string> = {},
  ) {
    super(kind);
  }
}

/** An answer other than success. */
export class Status extends Error {
  constructor(readonly word: number) {
    super(word.toString(16));
  }
}

/** The device chosen before, or the one that is chosen now. Call it inside a click. */
async function find(): Promise<Foreign> {
  const hid: Foreign = (navigator as Foreign).hid;
  // A Ledger can show itself as several devices; the one for applications has a usage page of its own.
  const ours = (list: Foreign[]) =>
    list.find((d) => d.vendorId === vendor && d.collections?.some((c: Foreign) => c.usagePage === usagePage)) ?? list.find((d) => d.vendorId === vendor);
  const device = ours(await hid.getDevices()) ?? ours(await hid.requestDevice({ filters: [{ vendorId: vendor }] }));
  if (!device) throw new Problem("none");
  return device;
}

/** Opens the device, runs the conversation and closes it again, so that other programs can use it. */
export async function withDevice<T>(signal: AbortSignal, run: (send: Send) => Promise<T>): Promise<T> {
  const device = await find();
  try {
    if (!device.opened) await device.open();
  } catch {
    throw new Problem("busy");
  }
  const over = new AbortController();
  const gone = new Promise<never>((_, reject) => {
    const lost = () => reject(new Problem("lost"));
    (navigator as Foreign).hid.addEventListener("disconnect", (e: Foreign) => e.device === device && lost(), { signal: over.signal });
    signal.addEventListener("abort", lost, { signal: over.signal });
  });
  try {
    return await Promise.race([run((command) => exchange(device, command)), gone]);
  } finally {
    over.abort();
    await device.close().catch(() => {});
  }
}

export type Send = (command: number[]) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * Sends one APDU and returns the data of its answer. Both travel in packets of 64
 * bytes: channel, tag, sequence number, and a piece of length and content.
 */
function exchange(device: Foreign, command: number[]): Promise<Uint8Array<ArrayBuffer>> {
  const channel = crypto.getRandomValues(new Uint8Array(2));
  const head = (n: number) => [...channel, tag, n >> 8, n & 255];
  const over = new AbortController();
  return new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    let expected = 0;
    let length = -1;
    const answer: number[] = [];
    const hear = (e: Foreign) => {
      const packet = [...new Uint8Array(e.data.buffer, e.data.byteOffset, e.data.byteLength)];
      if (head(expected).some((b, i) => packet[i] !== b)) return; // of another conversation
      if (length < 0) length = packet[5]! * 256 + packet[6]!;
      answer.push(...packet.slice(expected++ ? 5 : 7));
      if (answer.length < length) return;
      const word = answer[length - 2]! * 256 + answer[length - 1]!;
      if (word === 0x9000) resolve(Uint8Array.from(answer.slice(0, length - 2)));
      else reject(new Status(word));
    };
    device.addEventListener("inputreport", hear, { signal: over.signal });
    const whole = [command.length >> 8, command.length & 255, ...command];
    void (async () => {
      for (let i = 0, n = 0; i < whole.length; i += packetSize - 5, n++) {
        const packet = new Uint8Array(packetSize);
        packet.set([...head(n), ...whole.slice(i, i + packetSize - 5)]);
        await device.sendReport(0, packet);
      }
    })().catch(() => reject(new Problem("lost")));
  }).finally(() => over.abort());
}
