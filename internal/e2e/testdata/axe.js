// What axe-core finds against WCAG 2.2, levels A and AA, and against its own advice; or against some of its rules.
// Where it cannot tell, that counts: a page whose contrast cannot be computed is too clever.
(async (only) => {
  const what = only?.length
    ? { type: "rule", values: only }
    : { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  // What lies under an open menu cannot be looked at, and need not be.
  const menu = document.querySelector(".languages[open]");
  // Of a letter that is decoration it cannot tell whether it is text.
  const found = await axe.run({ include: menu ?? document, exclude: [["svg[aria-hidden=true]"]] }, {
    runOnly: what,
    // Sections of the admin pages may be named alike.
    rules: only?.length ? {} : { "target-size": { enabled: true }, "landmark-unique": { enabled: false } },
    resultTypes: ["violations", "incomplete"],
  });
  const tell = ({ id, help, nodes }) => nodes.map((n) => `${id}: ${help}: ${n.html.slice(0, 160)} ${n.failureSummary ?? ""}`.replaceAll("\n", " "));
  return [...found.violations, ...found.incomplete].flatMap(tell);
})
