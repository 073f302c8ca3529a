// What the page does about people who sign in. The button has checked everything before it
// tells: state, issuer, PKCE, and the ID token with its signature and nonce.
const element = (id) => document.getElementById(id);

// docs/button.md lists the codes.
const sentences = {
  access_denied: "You cancelled. Nothing was shared.",
  popup_blocked: "The browser blocked the window. Allow windows for this page, or use the other button.",
  popup_closed: "The window was closed.",
  timeout: "That took too long. Please try again.",
  network: "The provider does not answer. Try again in a moment.",
};

addEventListener("near-signin-start", () => (element("status").textContent = ""));

addEventListener("near-signin-error", ({ detail }) => {
  element("status").textContent = sentences[detail.code] ?? `That did not work (${detail.code}). Please try again.`;
});

addEventListener("near-signin-success", ({ detail: { claims, id_token } }) => {
  element("who").textContent = `Signed in as ${claims.near_account_id}`;
  element("status").textContent = `On ${claims.near_network}. The tokens are in this page's memory, and go with it.`;
  element("ways").hidden = true;
  element("sign-out").hidden = false;
  // The provider ends its session too, and comes back here.
  const end = new URL("logout", claims.iss + "/");
  end.search = new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: location.origin + "/" });
  element("sign-out").href = end;
});
