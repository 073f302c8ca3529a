// Signing with a Ledger: loaded when somebody chooses it. A Ledger has keys and knows no
// accounts, so the person names the account and the server looks whether it has the key.

import { base58, base64, type Challenge, type Proof } from "./codec";
import { Problem, Status, withDevice, type Send } from "./hid";

// The NEAR app's commands (app-near, src/main.rs).
const appClass = 0x80;
const getPublicKey = 4;
const signMessage = 7;
const silent = 1;
const lastChunk = 0x80;
const network = 0x57; // "W", which the app takes for nothing

/** Only from here on the app signs NEP-413 messages. */
const oldest = [2, 3];

/** Shows what is in the way, and asks again, until there is a signature or a refusal. */
export function ledger(c: Challenge, panel: HTMLElement, signal: AbortSignal): Promise<Proof> {
  const form = panel.querySelector("form")!;
  const problem = form.querySelector<HTMLElement>("[data-problem]")!;
  const asking = form.querySelector<HTMLElement>("[data-asking]")!;
  const { account, path, sign } = form.elements as unknown as Record<string, HTMLInputElement>;
  const tell = (p: Problem | undefined) => {
    problem.hidden = !p;
    problem.textContent = p ? form.dataset[p.kind]!.replace(/\{(\w+)\}/g, (_, name: string) => p.filled[name] ?? "") : "";
  };
  const busy = (is: boolean) => {
    asking.hidden = !is;
    sign!.disabled = is;
    if (is) document.querySelector("[data-live]")!.textContent = asking.textContent;
  };
  tell(undefined);
  busy(false);
  account!.focus();
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")));
    const attempt = async () => {
      tell(undefined);
      busy(true);
      try {
        const steps = parsePath(path!.value);
        const signed = await withDevice(signal, (send) => signWith(send, steps, c));
        resolve({ accountId: account!.value.trim().toLowerCase(), ...signed, state: c.state });
      } catch (e) {
        const found = problemOf(e);
        if (found) tell(found);
        else reject(new Error("rejected"));
      } finally {
        busy(false);
      }
    };
    form.addEventListener(
      "submit",
      (e) => {
        e.preventDefault();
        if (!sign!.disabled) void attempt();
      },
      { signal },
    );
  });
}

async function signWith(send: Send, path: number[], c: Challenge): Promise<{ publicKey: string; signature: string }> {
  await checkApp(send);
  const key = await send([appClass, getPublicKey, silent, network, path.length, ...path]);
  const all = [...path, ...payload(c)];
  const size = 250;
  let signature = new Uint8Array();
  for (let i = 0; i < all.length; i += size) {
    const chunk = all.slice(i, i + size);
    signature = await send([appClass, signMessage, i + size < all.length ? 0 : lastChunk, network, chunk.length, ...chunk]);
  }
  if (key.length !== 32 || signature.length !== 64) throw new Problem("odd", { code: `${key.length}/${signature.length}` });
  return { publicKey: "ed25519:" + base58(key), signature: base64(signature) };
}

/** Asks the device which app runs: a byte for the format, then name and version behind their lengths. */
async function checkApp(send: Send): Promise<void> {
  const answer = await send([0xb0, 1, 0, 0, 0]);
  const text = (at: number) => new TextDecoder().decode(answer.slice(at + 1, at + 1 + (answer[at] ?? 0)));
  const name = text(1);
  const version = text(2 + name.length);
  if (name !== "NEAR") throw new Problem("app");
  const [major = 0, minor = 0] = version.split(".").map((n) => parseInt(n, 10) || 0);
  if (major < oldest[0]! || (major === oldest[0] && minor < oldest[1]!)) throw new Problem("old", { version });
}

/** The NEP-413 payload in Borsh, without the tag, which the app puts before it. No callback URL. */
function payload(c: Challenge): number[] {
  const text = (s: string) => {
    const bytes = [...new TextEncoder().encode(s)];
    return [bytes.length & 255, bytes.length >> 8, 0, 0, ...bytes];
  };
  return [...text(c.message), ...c.nonce, ...text(c.recipient), 0];
}

/** Five hardened steps, as the app wants them (BIP-32, SLIP-10), each four bytes. */
function parsePath(path: string): number[] {
  const steps = path.trim().split("/").map((step) => /^\d{1,10}'$/.test(step) ? parseInt(step, 10) : -1);
  if (steps.length !== 5 || steps.some((n) => n < 0 || n >= 0x80000000)) throw new Problem("path");
  return steps.flatMap((n) => [(n >> 24) | 0x80, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
}

/** Says what an error means for the person; nothing: that he said no. */
function problemOf(e: unknown): Problem | undefined {
  if (e instanceof Problem) return e;
  // The chooser was dismissed, or the browser has no device to show.
  if (!(e instanceof Status)) return new Problem("none");
  switch (e.word) {
    case 0x6985: // refused on the device
      return;
    case 0x5515:
    case 0x6804:
    case 0x6982:
    case 0x530c:
      return new Problem("locked");
    case 0x6d00:
    case 0x6d02:
    case 0x6e00:
    case 0x6e01:
    case 0x6511:
      return new Problem("app");
  }
  return new Problem("odd", { code: e.message });
}
