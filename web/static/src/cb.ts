// The callback page: a redirect wallet's answer is in the fragment, which never reaches a server by itself.

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

const signature = answer.get("signature");
if (signature) {
  const state = answer.get("state");
  void verify(
    {
      accountId: answer.get("accountId") ?? "",
      publicKey: answer.get("publicKey") ?? "",
      // A '+' that was not encoded arrives as a space.
      signature: signature.replaceAll(" ", "+"),
      ...(state !== null && { state }),
    },
    lastWallet() || "redirect",
    (to) => void handOver("success", { to }, () => depart(to)),
  );
} else if (answer.has("error") || answer.has("accountId")) {
  void handOver("rejected", { refused: true }, () => show("rejected"));
} else {
  // Nothing to read: the page was reloaded, or opened by hand.
  location.replace(main.dataset.home!);
}
