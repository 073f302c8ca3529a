// WebWallet signs with MyNearWallet, or one that speaks as it does: in a window, which answers
// with a message.
export class WebWallet {
  constructor(url) {
    this.url = new URL(url);
  }

  // open makes the window; its address follows when there is something to sign.
  open() {
    this.window = window.open("", "_blank", "popup,width=440,height=720");
    if (!this.window) throw new Error("The browser blocked the wallet's window. Allow windows for this page, and try again.");
  }

  close() {
    this.window?.close();
  }

  // signMessage is that of NEP-413. It returns {accountId, publicKey, signature}.
  signMessage({ message, nonce, recipient }) {
    const to = new URL("/sign-message", this.url);
    to.search = new URLSearchParams({
      message,
      nonce: btoa(String.fromCharCode(...nonce)),
      recipient,
      callbackUrl: location.origin + "/", // where the answer is sent; it is not signed
    });
    this.window.location = to;
    return this.answer();
  }

  answer() {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        removeEventListener("message", heard);
        clearInterval(watch);
        settle(value);
      };
      const heard = ({ origin, source, data }) => {
        if (origin !== this.url.origin || source !== this.window) return; // somebody else's
        const { accountId, publicKey, signature } = data?.signedRequest ?? {};
        // A refusal comes as a success with nothing in it.
        if (signature) finish(resolve, { accountId, publicKey, signature });
        else finish(reject, new Error("Not approved. Nothing was shared."));
      };
      const watch = setInterval(() => {
        if (this.window.closed) finish(reject, new Error("The wallet's window was closed."));
      }, 500);
      addEventListener("message", heard);
    });
  }
}
