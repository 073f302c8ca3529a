// The button for pages of applications: docs/button.md says how it is used.

import { NearSignInButton } from "./button/element";

export { NearSignInError } from "./button/errors";
export { relayCallback, signIn } from "./button/flow";
export { handleCallback } from "./button/protocol";
export { NearSignInButton };

try {
  customElements.define("near-signin-button", NearSignInButton);
} catch {
  // A page may load two copies, of which the first one stays; a server has no elements.
}
