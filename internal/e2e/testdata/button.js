// What every button must keep to, in its shadow tree. Answers with what is wrong.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (color) => {
    const [r, g, b] = rgb(color).map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  const wrong = [];
  for (const host of document.querySelectorAll("near-signin-button:not([hidden])")) {
    const at = host.cloneNode(false).outerHTML;
    const e = host.shadowRoot.querySelector("a, button");
    if (!e?.textContent.includes("NEAR") && e?.textContent !== host.getAttribute("label")) wrong.push(`${at}: no name`);
    const style = getComputedStyle(e);
    const got = ratio(style.color, style.backgroundColor);
    if (got < 7) wrong.push(`${at}: a contrast of ${got.toFixed(2)}, ${style.color} on ${style.backgroundColor}`);
    if (getComputedStyle(e.firstElementChild).fill !== style.color) wrong.push(`${at}: the picture has another colour than the words`);
    const box = e.getBoundingClientRect();
    const least = { small: 32, large: 52 }[host.getAttribute("size")] ?? 44;
    if (box.height < least || box.width < least) wrong.push(`${at}: a target of ${box.width} × ${box.height}`);
    if (host.getBoundingClientRect().right > innerWidth || box.right > innerWidth) wrong.push(`${at}: wider than the page`);
    if (host.hasAttribute("block") && box.width < host.parentElement.clientWidth) wrong.push(`${at}: narrower than its paragraph`);
    if (e.localName === "button" ? e.tabIndex !== 0 : !e.href) wrong.push(`${at}: the keyboard does not reach it`);
  }
  return wrong;
})()
