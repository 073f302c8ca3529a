// The end of a window that the browser opened for a FedCM request: hands the response to the
// browser, which gives it to the page that asked and closes the window.

// The libraries of TypeScript have no FedCM.
declare const IdentityProvider: {
  resolve(token: string, options: { accountId: string }): Promise<void>;
  close(): void;
};

const { token, account } = document.querySelector("main")!.dataset;
if (token) {
  // In a window of any other kind it fails, and the page says what to do.
  IdentityProvider.resolve(token, { accountId: account! }).catch(() => {});
} else {
  IdentityProvider.close();
}
