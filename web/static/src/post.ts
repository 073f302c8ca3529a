// The page that posts an answer to the application (response_mode form_post): at once, instead of by a press.

const form = document.querySelector<HTMLFormElement>("form[data-post]")!;
// Whoever comes back by the back button is not sent forth again.
if ((performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).type !== "back_forward") form.submit();
