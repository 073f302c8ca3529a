// The callback page: a redirect wallet's answer is in the fragment, which never reaches a server by itself.

import { fits } from "./codec";
import { lastWallet } from "./memory";
import { main, sentence, show } from "./panels";
import { depart, verify, type Handover } from "./verify";

// Some wallets use the query. The fragment wins: it is the specified place.
const answer = new URLSearchParams(location.hash.length > 1 ? location.hash.slice(1) : location.search);
// At once, so that the signature is in no history, bookmark or screenshot.
history.replaceState(null, "", location.pathname);

// In a window that the login page opened, that page goes on and this one closes. It is
// asked while the server checks, so nobody waits for it.
const channel = new BroadcastChannel("login:" + main.dataset.login);
const awaited = new Promise<boolean>((resolve) => {
  channel.addEventListener("message", ({ data: said }: MessageEvent<Handover>) => said.here && resolve(true));
  setTimeout(resolve, 250, false);
});
channel.postMessage({ asks: true } satisfies Handover);

async function handOver(panel: string, said: Handover, alone: () => void): Promise<void> {
  if (!(await awaited)) return alone();
  channel.postMessage(said);
  close();
  show(panel, { text: sentence("elsewhere") });
}

const [accountId, publicKey, signature, state] = ["accountId", "publicKey", "signature", "state"].map((name) => answer.get(name) ?? undefined);
if (signature) {
  if (fits(accountId) && fits(publicKey) && fits(signature)) {
    void verify(
      // A '+' that was not encoded arrives as a space.
      { accountId, publicKey, signature: signature.replaceAll(" ", "+"), ...(fits(state) && { state }) },
      lastWallet() || "redirect",
      (to) => void handOver("success", { to }, () => depart(to)),
    );
  } else show("bad_signature");
} else if (answer.has("error") || answer.has("accountId")) {
  void handOver("rejected", { refused: true }, () => show("rejected"));
} else {
  // Nothing to read: the page was reloaded, or opened by hand.
  location.replace(main.dataset.home!);
}
