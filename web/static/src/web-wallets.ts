// Wallets that live at a URL. The URL is the server's, so an operator can point at staging.

import { base58, base64, proof, WalletError, type Challenge, type Foreign, type Proof } from "./codec";
import { converse } from "./popup";

const root = (url: string) => url.replace(/\/+$/, "");

/** MyNearWallet's request, which Bitte and the development wallet understand too. */
export function signMessageURL(url: string, c: Challenge): string {
  const query = new URLSearchParams({
    message: c.message,
    nonce: base64(c.nonce),
    recipient: c.recipient,
    callbackUrl: c.callbackUrl,
    state: c.state,
  });
  return `${root(url)}/sign-message?${query}`;
}

/** In a window of its own MyNearWallet reports even a refusal as success, with an empty answer. */
export function signMessage(url: string, c: Challenge, signal: AbortSignal): Promise<Proof> {
  return converse(
    {
      url: signMessageURL(url, c),
      heard(d) {
        if (d?.status === "failure") throw new Error(d.errorMessage);
        if (d?.status !== "success") return;
        if (d.verifyOwnerError) throw new WalletError("rejected");
        return proof(d.signedRequest);
      },
    },
    signal,
  );
}

/** Meteor's side of one action: the same messages in its window and through its extension. */
function meteorAction(c: Challenge) {
  const uid = base58(crypto.getRandomValues(new Uint8Array(16)));
  let status = "initializing";
  const message = () => ({
    uid,
    network: c.network,
    actionType: "login",
    status,
    endTags: [],
    ...(status === "initializing" && {
      inputs: {
        type: "ACCOUNT_ONLY",
        methods: [],
        messageParams: { message: c.message, recipient: c.recipient, nonce: [...c.nonce], state: c.state },
      },
    }),
  });
  const heard = (d: Foreign, say: (message: unknown) => void): Proof | undefined => {
    if (d?.uid !== uid) return;
    switch (d.status) {
      case "attempting_reconnect":
        status = "initializing";
        say(message());
        break;
      case "connected":
        status = d.status;
        break;
      case "closed_success":
        status = d.status;
        say(message());
        return proof(d.payload);
      case "closed_fail":
      case "closed_window":
        throw d.status === "closed_window" ? new WalletError("rejected") : new Error(String(d.endTags));
    }
    return;
  };
  return { uid, heard, tick: (say: (message: unknown) => void) => say(message()) };
}

/** Meteor, through its extension if it is there, else in its window. One action signs in and signs. */
export function meteor(url: string, c: Challenge, signal: AbortSignal): Promise<Proof> {
  const { uid, heard, tick } = meteorAction(c);
  const { meteorCom: older, meteorComV2: extension }: Foreign = globalThis;
  if (!extension && !older) {
    const query = new URLSearchParams({ source: "wpm", connectionUid: uid, pageUri: location.origin });
    return converse({ url: `${root(url)}/connect/${c.network}/login?${query}`, heard, tick }, signal);
  }
  let over = false;
  let timer = 0;
  return new Promise<Proof>((resolve, reject) => {
    const hear = (d: Foreign) => {
      // What is said last is answered, too, and older extensions forget no listener.
      if (over) return;
      const p = heard(d, say);
      if (p) resolve(p);
    };
    const attempt = async (run: () => unknown) => {
      try {
        await run();
      } catch (e) {
        reject(e as Error);
      }
    };
    const say = (message: unknown) =>
      void attempt(async () => (extension ? hear(await extension.sendMessageDataAndRespond(message)) : older.sendMessageData(message)));
    if (!extension) void attempt(() => older.addMessageDataListener((d: Foreign) => attempt(() => hear(d))));
    signal.addEventListener("abort", () => reject(new WalletError("aborted")));
    timer = window.setInterval(tick, 500, say);
    tick(say);
  }).finally(() => {
    over = true;
    clearInterval(timer);
  });
}

/**
 * Intear wants its request signed by a throw-away key, stamped with the time.
 * Both are made here, because it refuses a stamp ahead of the browser's clock.
 */
export function intear(url: string, c: Challenge, signal: AbortSignal): Promise<Proof> {
  const request = new AbortController();
  signal.addEventListener("abort", () => request.abort());
  let ready: Promise<unknown>;
  const answer = converse(
    {
      url: root(url) + "/connect",
      heard(d, say) {
        if (d?.type === "ready") void ready.then(say, () => {});
        if (d?.type === "error") throw new Error(d.message);
        return d?.type === "connected" ? proof(d) : undefined;
      },
    },
    request.signal,
  );
  ready = intearRequest(c);
  // A browser without Ed25519 cannot ask; its error comes first, then the window closes.
  return Promise.race([answer, ready.then(() => answer)]).finally(() => request.abort());
}

async function intearRequest(c: Challenge): Promise<unknown> {
  const key = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", key.publicKey));
  const nonce = Date.now();
  const message = JSON.stringify({
    messageToSign: JSON.stringify({
      message: c.message,
      nonce: [...c.nonce],
      recipient: c.recipient,
      callback_url: null,
      state: c.state,
    }),
  });
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${nonce}|${message}`));
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, digest));
  return {
    type: "signIn",
    data: {
      publicKey: "ed25519:" + base58(publicKey),
      networkId: c.network,
      nonce,
      message,
      signature: "ed25519:" + base58(signature),
      version: "V3",
      actualOrigin: location.origin,
      relayerId: null,
    },
  };
}
