// What a wallet is asked, what it answers, and the shapes answers come in.

/** A NEP-413 payload and what travels beside it. */
export interface Challenge {
  message: string;
  recipient: string;
  nonce: Uint8Array<ArrayBuffer>;
  callbackUrl: string;
  state: string;
  network: string;
}

/** A signature as the server wants it. Nothing here is verified: the server is the only verifier. */
export interface Proof {
  accountId: string;
  publicKey: string;
  signature: string;
  state?: string;
}

/** How asking a wallet can end; each but the last has a panel of its name. */
export type Failure = "rejected" | "no_answer" | "popup_blocked" | "bad_signature" | "wallet_error" | "aborted";

export class WalletError extends Error {
  constructor(
    readonly code: Failure,
    message = "",
  ) {
    super(message);
  }
}

// Wallets are foreign code: their objects have no type worth trusting.
export type Foreign = any;

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export function base58(bytes: Uint8Array): string {
  let n = 0n;
  let out = "";
  for (const b of bytes) n = n * 256n + BigInt(b);
  for (; n > 0n; n /= 58n) out = alphabet[Number(n % 58n)] + out;
  for (const b of bytes) {
    if (b) break;
    out = "1" + out;
  }
  return out;
}

export const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

export const unbase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Bytes from a Uint8Array, an array, a serialised Buffer ({data}) or an object with number keys. */
function bytes(v: Foreign): Uint8Array {
  const list = Object.values((v.data ?? v) as Record<string, number>);
  if (list.length > 64) throw new WalletError("bad_signature");
  return Uint8Array.from(list);
}

/** What could be an account, a key or a signature. */
export const fits = (v: unknown): v is string => typeof v === "string" && v !== "" && v.length < 256;

/**
 * Accepts every shape wallets are known to answer in; an empty signature is a refusal.
 * What else it may be, and how it behaves while it is read, is in the hands of a stranger.
 */
export function proof(answer: unknown): Proof {
  let v: Foreign = Array.isArray(answer) ? answer[0] : answer;
  const account = v?.accountId;
  v = v?.signedMessage ?? v?.response ?? v?.payload ?? (v?.signature?.signature ? v.signature : v);
  let { accountId, publicKey, signature, state } = v ?? {};
  if (!signature) throw new WalletError("rejected");
  accountId ||= account;
  if (typeof signature === "object") signature = base64(bytes(signature));
  if (publicKey && typeof publicKey === "object") {
    const raw = publicKey.ed25519Key ?? publicKey;
    publicKey = raw.data ? "ed25519:" + base58(bytes(raw)) : String(publicKey);
  }
  if (!fits(accountId) || !fits(publicKey) || !fits(signature)) throw new WalletError("bad_signature");
  return { accountId, publicKey, signature, ...(fits(state) && { state }) };
}

/** What a stranger calls something, without what is invisible or turns the text around it. */
export const plain = (text: unknown, most: number): string => String(text ?? "").slice(0, most).replace(/\p{C}+/gu, " ").trim();

/** A wallet's own error, in our terms. */
export function failure(e: Foreign): WalletError {
  try {
    if (e instanceof WalletError) return e;
    const text = plain(typeof e === "string" ? e : e?.message, 200);
    if (/reject|cancel|denied|declin|clos/i.test(text) || e?.code === 4001) return new WalletError("rejected");
    return new WalletError("wallet_error", text);
  } catch {
    return new WalletError("wallet_error"); // an error that cannot even be read
  }
}
