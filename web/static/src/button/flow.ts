// The ways to the provider and back: this window, another one, or the browser's own dialog.

import { fail, NearSignInError, ours } from "./errors";
import { answerIn, begin, finish, handleCallback } from "./protocol";
import { keyOf, peek, take } from "./store";
import type { Foreign, SignInOptions, TokenSet } from "./types";

export async function signIn(o: SignInOptions): Promise<TokenSet> {
  try {
    if (o.mode === "popup") return await popup(o);
    // A browser without such a dialog is redirected.
    if (o.mode === "fedcm" && "IdentityCredential" in window) return await fedcm(o);
    location.assign((await begin(o))[0]);
    return await new Promise(() => {});
  } catch (e) {
    return ours(e);
  }
}

/** The seconds for which a window that seems closed is waited for while the person is at this page. */
const grace = 60;

async function popup(o: SignInOptions): Promise<TokenSet> {
  // Within the click, before anything is waited for: a window opened later is blocked.
  const w = open("", "_blank", `popup,width=480,height=720,left=${screenX + outerWidth / 2 - 240}`) ?? fail("popup_blocked");
  try {
    // The provider needs no hold on this page.
    w.opener = null;
    const [url, key] = await begin(o, true);
    const answer = hear(key, w, o.signal);
    w.location.replace(url);
    return (await handleCallback(await answer))!.tokens;
  } catch (e) {
    w.close();
    throw e;
  }
}

/** Waits for the address at which the other window comes back. */
function hear(key: string, w: Window, signal?: AbortSignal): Promise<string> {
  const channel = new BroadcastChannel(key);
  let timer: number;
  return new Promise<string>((resolve, reject) => {
    const give = (code: string) => {
      take(key);
      reject(new NearSignInError(code));
    };
    // Only pages of this origin are heard here; their answer must be to this question all the same.
    channel.onmessage = ({ data }) => {
      if (answerIn(data)[1] !== key) return;
      channel.postMessage(1);
      resolve(data);
    };
    // A provider that keeps its window to itself (Cross-Origin-Opener-Policy) makes it look closed
    // while it is open, so being closed is believed late, and only while nobody is busy there.
    let gone = 0;
    timer = setInterval(() => {
      gone = w.closed && document.hasFocus() ? gone + 1 : 0;
      if (gone > grace) give("popup_closed");
      if (!peek(key)) give("timeout");
    }, 1000);
    signal?.addEventListener("abort", () => give("aborted"));
  }).finally(() => {
    channel.close();
    clearInterval(timer);
  });
}

/**
 * On the page of the redirect URI: hands the answer to the page that opened this window, and
 * closes it. Resolves to false if there is nothing to hand over, or nobody takes it.
 */
export async function relayCallback(): Promise<boolean> {
  const { href } = location;
  const [, key] = answerIn(href);
  if (!key || !peek(key)?.popup) return false;
  const channel = new BroadcastChannel(key);
  const taken = await new Promise<boolean>((resolve) => {
    channel.onmessage = ({ data }) => data === 1 && resolve(true);
    channel.postMessage(href);
    setTimeout(resolve, 2000, false);
  });
  channel.close();
  if (taken) close();
  return taken;
}

async function fedcm(o: SignInOptions): Promise<TokenSet> {
  const [, key, { client_id: clientId, ...params }] = await begin(o);
  try {
    const credential: Foreign = await navigator.credentials.get({
      identity: { mode: "active", providers: [{ configURL: o.issuer + "/fedcm/config.json", clientId, params }] },
      signal: o.signal,
    } as CredentialRequestOptions);
    const answer = new URLSearchParams(JSON.parse(credential.token));
    return await finish(answer, keyOf(answer.get("state")) === key ? peek(key) : undefined);
  } catch (e: Foreign) {
    return ours(e, e.error || "fedcm_failed");
  } finally {
    take(key);
  }
}
