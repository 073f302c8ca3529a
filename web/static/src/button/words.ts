// What the button says: to sign in, to continue.

const words: Record<string, string> = {
  en: "Sign in with|Continue with",
  ar: "تسجيل الدخول باستخدام|المتابعة باستخدام",
  de: "Mit NEAR anmelden|Weiter mit",
  es: "Iniciar sesión con|Continuar con",
  fr: "Se connecter avec|Continuer avec",
  id: "Masuk dengan|Lanjutkan dengan",
  pt: "Entrar com|Continuar com",
  uk: "Увійти через|Продовжити з",
  vi: "Đăng nhập bằng|Tiếp tục với",
  zh: "使用 NEAR 登录|使用 NEAR 继续",
};

/** The words for a language tag such as "pt-BR", or the English ones; a phrase without the name ends with it. */
export function say(tag: string, go: boolean): string {
  const phrase = (words[tag.toLowerCase().split("-")[0]!] ?? words.en!).split("|")[+go]!;
  return phrase.includes("NEAR") ? phrase : phrase + " NEAR";
}
