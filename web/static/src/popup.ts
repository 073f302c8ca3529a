// One wallet window and the conversation with it.

import { failure, WalletError, type Foreign, type Proof } from "./codec";

export interface Conversation {
  url: string;
  /** A message from the wallet's window and origin. Answers a proof when done; throws to give up. */
  heard(data: Foreign, say: (message: unknown) => void): Proof | undefined;
  /** Called every 500 ms while the window is open. */
  tick?(say: (message: unknown) => void): void;
}

/**
 * Opens the wallet and waits for its proof. Call it inside a click: a window
 * opened later is blocked. Only this window at this origin is listened to.
 */
export function converse(c: Conversation, signal: AbortSignal): Promise<Proof> {
  const width = 440;
  const height = 720;
  const left = Math.max(0, screenX + (outerWidth - width) / 2);
  const top = Math.max(0, screenY + (outerHeight - height) / 2);
  const wallet = open(c.url, "_blank", `popup,width=${width},height=${height},left=${left},top=${top}`);
  if (!wallet) return Promise.reject(new WalletError("popup_blocked"));
  const { origin } = new URL(c.url);
  const say = (message: unknown) => wallet.postMessage(message, origin);

  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (settle: () => void) => {
      over.abort();
      clearInterval(timer);
      // MyNearWallet goes on to the callback 3 s after it answered; closing keeps the proof single.
      wallet.close();
      settle();
    };
    let lost = 0;
    const timer = setInterval(() => {
      // A wallet whose Cross-Origin-Opener-Policy cuts it off from this page looks closed
      // while somebody is reading in it. So this says nothing of a refusal, and
      // nothing at all before the person is back here.
      if (!wallet.closed) c.tick?.(say);
      else if (document.hasFocus() || ++lost > 20) end(() => reject(new WalletError("no_answer")));
    }, 500);
    addEventListener(
      "message",
      (e) => {
        if (e.source !== wallet || e.origin !== origin) return;
        try {
          const p = c.heard(e.data, say);
          if (p) end(() => resolve(p));
        } catch (err) {
          end(() => reject(failure(err)));
        }
      },
      { signal: over.signal },
    );
    signal.addEventListener("abort", () => end(() => reject(new WalletError("aborted"))), { signal: over.signal });
  });
}
