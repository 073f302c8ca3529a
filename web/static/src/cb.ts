// The callback page: a redirect wallet's answer is in the fragment, which never reaches a server by itself.

import { lastWallet } from "./memory";
import { main, show } from "./panels";
import { depart, verify } from "./verify";

// Some wallets use the query. The fragment wins: it is the specified place.
const answer = new URLSearchParams(location.hash.length > 1 ? location.hash.slice(1) : location.search);
// At once, so that the signature is in no history, bookmark or screenshot.
history.replaceState(null, "", location.pathname);

const channel = new BroadcastChannel("login:" + main.dataset.login);

/**
 * In a window that the login page opened, that page goes on and this one closes.
 * If nobody takes over within half a second, this one goes on itself.
 */
function go(to: string): void {
  if (menubar.visible) return depart(to);
  const alone = setTimeout(() => depart(to), 500);
  channel.addEventListener("message", () => {
    clearTimeout(alone);
    close();
  });
  channel.postMessage(to);
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
    go,
  );
} else if (answer.has("error") || answer.has("accountId")) {
  show("rejected");
} else {
  // Nothing to read: the page was reloaded, or opened by hand.
  location.replace(main.dataset.home!);
}
