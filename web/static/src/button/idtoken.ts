// The checks of an ID token: OpenID Connect Core 1.0, section 3.1.3.7.

import { unbase64url, utf8 } from "./bytes";
import { fail, ours } from "./errors";
import { json } from "./fetch";
import type { Pending } from "./store";
import type { Foreign } from "./types";

const hash = "SHA-256";

// Anything else, "none" and the symmetric ones before all, is refused.
const algorithms: Record<string, [kty: string, algorithm: Foreign]> = {
  RS256: ["RSA", { name: "RSASSA-PKCS1-v1_5", hash }],
  PS256: ["RSA", { name: "RSA-PSS", hash, saltLength: 32 }],
  ES256: ["EC", { name: "ECDSA", namedCurve: "P-256", hash }],
  EdDSA: ["OKP", { name: "Ed25519" }],
};

/** How far the clock of this device may be ahead, in seconds. */
const skew = 120;

const invalid = "id_token_invalid";

const decoded = (part: string) => JSON.parse(new TextDecoder().decode(unbase64url(part)));

/** Returns the claims of a token that is the provider's, for this client, and from this sign-in. */
export async function verify(token: string, { provider, query }: Pending): Promise<Foreign> {
  try {
    const [head, body, signature] = token.split(".") as [string, string, string];
    const [{ alg, kid }, claims] = [decoded(head), decoded(body)];
    const audience = [claims.aud].flat();
    for (const [name, holds] of Object.entries({
      iss: claims.iss === provider.issuer,
      aud: audience.includes(query.client_id) && (!audience[1] || claims.azp === query.client_id),
      nonce: claims.nonce === query.nonce,
      exp: claims.exp > Date.now() / 1000 - skew,
    })) {
      if (!holds) fail(invalid, name);
    }
    const [kty, algorithm] = algorithms[alg] ?? fail(invalid, "alg");
    // Keys rotate, so the browser asks whether its copy is the latest.
    const [{ keys }] = await json(provider.jwks_uri, { cache: "no-cache" });
    const found = keys.find((k: Foreign) => k.kid === kid && k.kty === kty && (k.alg ?? alg) === alg);
    // No more than the key itself: what else a JWK says makes some browsers refuse it.
    const { n, e, crv, x, y } = found ?? fail(invalid, "kid");
    const key = await crypto.subtle.importKey("jwk", { kty, n, e, crv, x, y }, algorithm, false, ["verify"]);
    const genuine = await crypto.subtle.verify(algorithm, key, unbase64url(signature), utf8(head + "." + body));
    return genuine ? claims : fail(invalid, "signature");
  } catch (e) {
    return ours(e, invalid);
  }
}
