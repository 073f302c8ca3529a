// Wallets that an extension or an in-app browser puts into this window.

import { failure, plain, proof, WalletError, type Challenge, type Foreign, type Proof } from "./codec";

const page = globalThis as Foreign;

interface Extension {
  /** The extension's object, if it is there and serves the network. */
  find(network: string): Foreign;
  sign(wallet: Foreign, request: Request): Promise<unknown>;
}

/** The nonce is a plain array: a typed one does not survive every extension's own messages. */
interface Request {
  message: string;
  recipient: string;
  nonce: number[];
  state: string;
}

const extensions: Record<string, Extension> = {
  hot: {
    // HOT has no testnet.
    find: (network) => network === "mainnet" && page.hotExtension,
    sign: (w, { message, recipient, nonce }) => w.request("near:signMessage", { message, recipient, nonce }),
  },
  nightly: {
    find: () => page.nightly?.near,
    async sign(w, request) {
      if (!w.isConnected) await w.connect();
      return w.signMessage(request);
    },
  },
  okx: {
    find: () => page.okxwallet?.near,
    async sign(w, request) {
      if (!w.isSignedIn()) await w.requestSignIn({ contractId: "" });
      return w.signMessage(request);
    },
  },
  sender: {
    find: () => page.near?.isSender && page.near,
    async sign(w, request) {
      if (!w.isSignedIn?.()) await w.requestSignIn({ contractId: "" });
      const answer = await w.signMessage(request);
      if (answer?.error) throw answer.error;
      return answer;
    },
  },
};

/** Reports whether a wallet of the server's list is in this browser; one that breaks when it is looked for is not. */
export function installed(id: string, network: string): boolean {
  try {
    return !!(id === "meteor" ? page.meteorComV2 || page.meteorCom : extensions[id]?.find(network));
  } catch {
    return false;
  }
}

export async function injected(id: string, c: Challenge): Promise<Proof> {
  try {
    const wallet = announced.get(id);
    const found = wallet ?? extensions[id]?.find(c.network);
    if (!found) throw new WalletError("wallet_error"); // it is no longer there
    const request = { message: c.message, recipient: c.recipient, nonce: [...c.nonce], state: c.state };
    return proof(await (wallet ? signAnnounced(wallet, c) : extensions[id]!.sign(found, request)));
  } catch (e) {
    throw failure(e);
  }
}

function signAnnounced(w: Foreign, c: Challenge): Promise<unknown> {
  const request = { message: c.message, recipient: c.recipient, nonce: c.nonce };
  return w.signInAndSignMessage
    ? w.signInAndSignMessage({ network: c.network, messageParams: request })
    : w.signMessage({ network: c.network, ...request });
}

export interface Announcement {
  id: string;
  name: string;
  icon: string;
}

const announced = new Map<string, Foreign>();

/**
 * Listens for wallets that announce themselves by the injected-wallet standard.
 * Only this window's own events count: near-connect also takes cross-window
 * messages of any origin, by which any page could offer a false wallet.
 */
export function discover(network: string, add: (a: Announcement) => void): void {
  addEventListener("near-wallet-injected", (e) => {
    try {
      const wallet: Foreign = (e as CustomEvent).detail;
      const { id: own, name, icon, features } = wallet.manifest;
      const id = "injected:" + plain(own, 40);
      if (!own || announced.has(id) || announced.size > 20 || features?.[network] === false) return;
      if (!(wallet.signInAndSignMessage || wallet.signMessage)) return;
      announced.set(id, wallet);
      add({ id, name: plain(name ?? own, 40), icon: String(icon ?? "") });
    } catch {
      return; // no wallet, whatever it is
    }
  });
  dispatchEvent(new Event("near-selector-ready"));
}
