// What the page does with whoever the button signs in.

const told = document.querySelector("[data-told]");
const claims = document.querySelector("[data-claims]");

addEventListener("near-signin-success", ({ detail }) => {
  told.textContent = `Signed in as ${detail.claims.sub}. The ID token says:`;
  claims.textContent = JSON.stringify(detail.claims, null, 2);
  claims.parentElement.hidden = false;
});
addEventListener("near-signin-error", ({ detail }) => {
  told.textContent = detail.message;
  claims.parentElement.hidden = true;
});
