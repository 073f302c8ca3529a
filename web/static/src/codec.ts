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

export type Failure = "rejected" | "popup_blocked" | "wallet_error" | "aborted";

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
  return Uint8Array.from(Object.values((v.data ?? v) as Record<string, number>));
}

/** Accepts every shape wallets are known to answer in; an empty signature is a refusal. */
export function proof(answer: unknown): Proof {
  let v: Foreign = Array.isArray(answer) ? answer[0] : answer;
  const account = v?.accountId;
  v = v?.signedMessage ?? v?.response ?? (v?.signature?.signature ? v.signature : v);
  let { publicKey, signature } = v ?? {};
  if (signature && typeof signature === "object") signature = base64(bytes(signature));
  if (publicKey && typeof publicKey === "object") {
    const raw = publicKey.ed25519Key ?? publicKey;
    publicKey = raw.data ? "ed25519:" + base58(bytes(raw)) : String(publicKey);
  }
  if (!signature) throw new WalletError("rejected");
  const accountId = v.accountId || account;
  if (!accountId || !publicKey) throw new WalletError("wallet_error", "The wallet did not say which account or key it used.");
  const p: Proof = { accountId: String(accountId), publicKey: String(publicKey), signature: String(signature) };
  if (typeof v.state === "string") p.state = v.state;
  return p;
}

/** A wallet's own error, in our terms. */
export function failure(e: Foreign): WalletError {
  if (e instanceof WalletError) return e;
  const text = String((typeof e === "string" ? e : e?.message) ?? "");
  return /reject|cancel|denied|declin|clos/i.test(text) || e?.code === 4001
    ? new WalletError("rejected")
    : new WalletError("wallet_error", text.slice(0, 200));
}
