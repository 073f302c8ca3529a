// Extension wallets as the pages see them, wallets.md section 2. The browser under test gives signNEP413.
const sign = async ({ message, recipient, nonce }) => {
  if (nonce.length !== 32) throw new Error("the nonce is not 32 bytes");
  if (window.refusing) throw new Error("User rejected the request");
  // What a broken or hostile wallet answers instead, and a nonce that belongs to another login.
  if (window.answer) return window.answer();
  if (window.replaying) nonce = [...nonce].reverse();
  return JSON.parse(await signNEP413(JSON.stringify({ message, recipient, nonce: [...nonce], callbackUrl: null })));
};
const plain = (a) => (window.answer ? a : { accountId: a.accountId, publicKey: a.publicKey, signature: a.signature });

/** Meteor's side of one action: it is asked again and again, and says how far it is. */
function meteorAction() {
  let status = "connected";
  let payload;
  let endTags = [];
  let begun;
  return ({ uid, network, actionType, inputs, status: theirs }) => {
    if (network !== "testnet" || actionType !== "login") throw new Error("unknown action");
    if (theirs === "initializing" && begun !== uid) {
      begun = uid;
      status = "connected";
      if (inputs.type !== "ACCOUNT_ONLY" || !Array.isArray(inputs.messageParams.nonce)) throw new Error("unknown inputs");
      sign(inputs.messageParams).then(
        (a) => {
          payload = window.answer ? a : { accountId: a.accountId, allKeys: [a.publicKey], signedMessage: plain(a) };
          status = "closed_success";
        },
        () => {
          endTags = ["INCOMPLETE_ACTION", "USER_CANCELLED"];
          status = "closed_fail";
        },
      );
    }
    return { uid, status, payload, endTags };
  };
}

const extensions = {
  hot() {
    window.hotExtension = {
      async request(method, request) {
        if (method !== "near:signMessage") throw new Error("unknown method " + method);
        if (!Array.isArray(request.nonce)) throw new Error("the nonce must be an array");
        return plain(await sign(request));
      },
    };
  },
  nightly() {
    window.nightly = {
      near: {
        isConnected: false,
        async connect() {
          this.isConnected = true;
        },
        async signMessage(request) {
          if (!this.isConnected) throw new Error("not connected");
          return plain(await sign(request));
        },
      },
    };
  },
  okx() {
    let signedIn = false;
    window.okxwallet = {
      near: {
        isSignedIn: () => signedIn,
        async requestSignIn({ contractId }) {
          if (contractId !== "") throw new Error("sign Error");
          signedIn = true;
        },
        async signMessage(request) {
          if (!signedIn) throw new Error("sign Error");
          try {
            return plain(await sign(request));
          } catch {
            throw new Error("sign Error"); // it masks every error
          }
        },
      },
    };
  },
  sender() {
    let signedIn = false;
    window.near = {
      isSender: true,
      isSignedIn: () => signedIn,
      async requestSignIn() {
        signedIn = true;
      },
      async signMessage(request) {
        if (!signedIn) throw new Error("not signed in");
        try {
          return { response: plain(await sign(request)) };
        } catch (error) {
          return { error };
        }
      },
    };
  },
  meteor() {
    const answer = meteorAction();
    const listeners = [];
    window.meteorCom = {
      features: [],
      addMessageDataListener: (l) => void listeners.push(l),
      sendMessageData: (message) => setTimeout(() => listeners.forEach((l) => l(answer(message)))),
    };
  },
  meteorV2() {
    const answer = meteorAction();
    window.meteorCom = { addMessageDataListener() {}, sendMessageData() {} };
    window.meteorComV2 = { version: "v2", featureFlags: [], sendMessageDataAndRespond: async (message) => answer(message) };
  },
  standard(manifest = {}) {
    const wallet = {
      manifest: { id: "clip", name: "Clip Wallet", icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>", features: { testnet: true, mainnet: true }, ...manifest },
      async signInAndSignMessage({ network, messageParams }) {
        if (network !== "testnet" || !(messageParams.nonce instanceof Uint8Array)) throw new Error("bad request");
        const answer = await sign(messageParams);
        if (window.answer) return answer;
        const { accountId, publicKey, signature } = answer;
        return [{ accountId, publicKey, signedMessage: { accountId, publicKey, signature } }];
      },
    };
    const announce = () => window.dispatchEvent(new CustomEvent("near-wallet-injected", { detail: wallet }));
    window.addEventListener("near-selector-ready", announce);
    announce();
  },
};
