// The client of NEAR's backend-login guide, with the package of that name.
import { createHash, createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { base58 } from "@scure/base";
import { input, done } from "./person.mjs";

const { sign } = await import(input.package);

// The key in the form of NEAR's tools.
const seed = Buffer.from(input.seed, "hex");
const key = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), // RFC 8410, section 7
  format: "der",
  type: "pkcs8",
});
const publicBytes = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x, "base64url");
const keypair = "ed25519:" + base58.encode(Buffer.concat([seed, publicBytes]));

// A wallet as they are: it signs what NEP-413 says, written down here anew, and
// returns no state.
const wallet = {
  async signMessage({ message, nonce, recipient }) {
    const u32 = (n) => Buffer.from(Uint32Array.of(n).buffer);
    const text = (s) => Buffer.concat([u32(Buffer.byteLength(s)), Buffer.from(s)]);
    const payload = Buffer.concat([u32(2147484061), text(message), Buffer.from(nonce), text(recipient), Buffer.of(0)]);
    const signature = signBytes(null, createHash("sha256").update(payload).digest(), key);
    return {
      accountId: input.account_id,
      publicKey: "ed25519:" + base58.encode(publicBytes),
      signature: input.signer === "base58" ? "ed25519:" + base58.encode(signature) : signature.toString("base64"),
    };
  },
};

const signer = input.signer === "keypair" ? keypair : wallet;
const page = input.origin ? { Origin: input.origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors" } : {};

const begin = input.request
  ? { method: "POST", headers: { "Content-Type": "application/json", ...page }, body: JSON.stringify(input.request) }
  : { method: "POST" };
const response = await fetch(`${input.issuer}/api/auth/initiate-login`, begin);
const allowed = response.headers.get("access-control-allow-origin");
if (!response.ok) {
  done({ initiate: response.status, allowed });
} else {
  const { state, message, nonce, recipient } = await response.json();
  const authToken = await sign(message, {
    signer,
    accountId: input.account_id,
    recipient,
    nonce: new Uint8Array(nonce),
    state,
  });
  const verify = (authToken) =>
    fetch(`${input.issuer}/api/auth/verify-login`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...page },
      body: JSON.stringify({ authToken }),
    });

  // One that somebody else signed comes first: it must not spoil the login.
  const forged = input.request ? null : (await verify(await sign(message + " ", {
    signer, accountId: input.account_id, recipient, nonce: new Uint8Array(nonce), state,
  }))).status;
  const verified = await verify(authToken);
  const again = await verify(authToken);
  done({
    ...(await verified.json()),
    status: verified.status,
    cookie: verified.headers.get("set-cookie"),
    again: again.status,
    allowed,
    state,
    forged,
  });
}
