// Posting the proof, and showing what the server says to it.

import type { Proof } from "./codec";
import { main, one, onAct, panel, panelFor, show } from "./panels";

/** What the callback page in a wallet's window and the login page that opened it say to each other. */
export interface Handover {
  asks?: true;
  here?: true;
  refused?: true;
  to?: string;
}

let kept = "";
let leave: (to: string) => void;

/** Posts the proof and shows the outcome; goes hands over where to go on success. */
export function verify(p: Proof, wallet: string, goes: (to: string) => void): Promise<void> {
  leave = goes;
  kept = JSON.stringify({
    account_id: p.accountId,
    public_key: p.publicKey,
    signature: p.signature,
    ...(p.state !== undefined && { state: p.state }),
    wallet,
  });
  return post();
}

async function post(): Promise<void> {
  show("verifying");
  let answer: Response;
  try {
    answer = await fetch(main.dataset.verify!, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: kept,
      cache: "no-store",
      redirect: "error",
    });
  } catch {
    return show("unreachable");
  }
  const body = (await answer.json().catch(() => ({}))) as Partial<Record<string, string>> & { retryable?: boolean };
  if (answer.ok && body.redirect_to) return leave(body.redirect_to);
  const name = panelFor(body.error ?? "");
  const retry = panel(name).querySelector<HTMLElement>("[data-act=retry]");
  if (retry && name === "error") retry.hidden = !body.retryable;
  show(name, { text: body.error_description, requestId: body.request_id });
}

/** Shows that it worked and goes, leaving a link for browsers that refuse to. */
export function depart(to: string): void {
  one<HTMLAnchorElement>("[data-act=leave]").href = to;
  show("success");
  location.replace(to);
}

// The proof is kept, so that an outage of the network costs no second signature.
onAct("retry", () => void post());
