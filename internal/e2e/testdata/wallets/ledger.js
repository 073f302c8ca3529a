// A Ledger as WebHID shows it, with the NEAR app as app-near's src/main.rs has it. The
// browser under test gives ledgerKey and signNEP413. window.ledger says what it is like.
window.ledger = { app: "NEAR", version: "2.3.4", path: [0x8000002c, 0x8000018d, 0x80000000, 0x80000000, 0x80000001] };

const bytesOf = (base64) => [...atob(base64)].map((c) => c.charCodeAt(0));
const word = (n) => [n >> 8, n & 255];
const number = (b) => b.reduce((n, x) => n * 256 + x, 0);

/** Reads the payload as Borsh: a tag before it, or anything behind it, is an error. */
function parse(data) {
  let at = 0;
  const take = (n) => {
    if (at + n > data.length) throw new Error("too short");
    return data.slice(at, (at += n));
  };
  const text = () => new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(take(number(take(4).reverse()))));
  const path = [...Array(5)].map(() => number(take(4)));
  const [message, nonce, recipient] = [text(), take(32), text()];
  const callbackUrl = take(1)[0] === 1 ? text() : null;
  if (at !== data.length) throw new Error("more behind the payload");
  return { path, message, nonce, recipient, callbackUrl };
}

let collected = [];

/** Answers one command: data and status word. */
async function run([cla, ins, p1, , length, ...data]) {
  const { app, version, locked, refusing, odd, path } = window.ledger;
  if (data.length !== (length ?? 0)) return word(0x6700);
  if (locked) return word(0x5515);
  if (odd) return odd;
  if (cla === 0xb0 && ins === 1) return [1, app.length, ...new TextEncoder().encode(app), version.length, ...new TextEncoder().encode(version), 1, 0, ...word(0x9000)];
  if (app !== "NEAR") return word(app === "BOLOS" ? 0x6e01 : 0x6e00);
  if (cla !== 0x80) return word(0x6e00);
  if (ins === 4) {
    if (data.length !== 20) return word(0xb00b);
    return [...bytesOf(await ledgerKey(data.join())), ...word(0x9000)];
  }
  if (ins !== 7 || version < "2.3") return word(0x6d00);
  if (p1 !== 0 && p1 !== 0x80) return word(0x6a86);
  collected.push(...data);
  if (p1 === 0) return word(0x9000);
  const whole = collected;
  collected = [];
  let asked;
  try {
    asked = parse(whole);
  } catch {
    return word(0xb005);
  }
  if (asked.path.join() !== path.join()) return word(0xb00d);
  if (window.ledger.vanishing) {
    navigator.hid.dispatchEvent(Object.assign(new Event("disconnect"), { device }));
    return new Promise(() => {});
  }
  if (refusing) return word(0x6985);
  const { signature } = JSON.parse(await signNEP413(JSON.stringify(asked)));
  return [...bytesOf(signature), ...word(0x9000)];
}

class Device extends EventTarget {
  vendorId = 0x2c97;
  collections = [{ usagePage: 0xffa0, usage: 1 }];
  opened = false;
  #command = [];
  #length = 0;
  async open() {
    if (window.ledger.busy) throw new DOMException("Failed to open the device.", "NotAllowedError");
    this.opened = true;
  }
  async close() {
    this.opened = false;
    this.#command = [];
  }
  async sendReport(report, packet) {
    if (!this.opened || report !== 0 || packet.length !== 64) throw new DOMException("Failed to write the report.", "NotAllowedError");
    const [a, b, tag, s0, s1, ...rest] = packet;
    if (tag !== 5) throw new Error("not a Ledger packet");
    if (s0 * 256 + s1 === 0) {
      this.#length = rest[0] * 256 + rest[1];
      this.#command = rest.slice(2);
    } else this.#command.push(...rest);
    if (this.#command.length < this.#length) return;
    const answer = await run(this.#command.slice(0, this.#length));
    const whole = [...word(answer.length), ...answer];
    this.report([9, 9, 5, 0, 0, 0, 2, ...word(0x9000)]); // of another program's conversation
    for (let i = 0, n = 0; i < whole.length; i += 59, n++) this.report([a, b, 5, ...word(n), ...whole.slice(i, i + 59)]);
  }
  report(bytes) {
    const packet = new Uint8Array(64);
    packet.set(bytes);
    this.dispatchEvent(Object.assign(new Event("inputreport"), { device: this, data: new DataView(packet.buffer) }));
  }
}
const device = new Device();
const other = { vendorId: 0x2c97, collections: [{ usagePage: 1, usage: 6 }] }; // its keyboard

class HID extends EventTarget {
  #allowed = [];
  async getDevices() {
    return this.#allowed;
  }
  async requestDevice({ filters }) {
    if (!navigator.userActivation.isActive) throw new DOMException("Must be handling a user gesture.", "SecurityError");
    if (filters[0].vendorId !== 0x2c97) throw new Error("asks for other devices");
    if (window.ledger.dismissed) return [];
    return (this.#allowed = [other, device]);
  }
}
Object.defineProperty(navigator, "hid", { value: new HID() });
