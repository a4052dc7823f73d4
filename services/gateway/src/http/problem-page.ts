import { PROBLEMS } from '#contract/problem-types';

/** The published page of problems: one heading each, whose id is the fragment of the problem's `type`. */
export function problemPage(): string {
  const sections = Object.entries(PROBLEMS).map(
    ([slug, { status, title, meaning }]) =>
      `<h2 id="${slug}">${slug}</h2>\n<p><strong>${status} ${toHtml(title)}.</strong> ${toHtml(meaning)}</p>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Problems of the charge-once API</title>
</head>
<body>
<h1>Problems of the charge-once API</h1>
<p>Every error is <code>application/problem+json</code> (RFC 9457). Its <code>type</code> leads to a heading of this page, and its
<code>instance</code> names the request, as <code>X-Request-Id</code> does.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function toHtml(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/`([^`]*)`/g, '<code>$1</code>');
}
