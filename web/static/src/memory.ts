// The wallet used last, to offer it first. Storage may be off: then there is none.

const key = "wallet";

export function lastWallet(): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

export function rememberWallet(id: string): void {
  try {
    localStorage.setItem(key, id);
  } catch {
    return;
  }
}
