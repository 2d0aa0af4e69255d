/** The guide as HTML. The Worker puts it into its own page, whose policy lets nothing run and nothing load. */

import { Marked } from "marked";

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** Only these: the page's policy lets no other run anyway, and a link to one would be a mistake. */
const SAFE_LINK = /^(?:https:\/\/|#|\/)/;

/**
 * Renders GitHub-flavoured Markdown. HTML in it is shown as text.
 *
 * @example
 * renderGuide("# Hello"); // "<h1>Hello</h1>\n"
 */
export function renderGuide(markdown: string): string {
  const marked = new Marked({
    gfm: true,
    renderer: {
      html: ({ text }) => escaped(text),
      image: ({ text }) => escaped(text),
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return SAFE_LINK.test(href) ? `<a href="${escaped(href)}" rel="noreferrer">${text}</a>` : text;
      },
    },
  });
  return marked.parse(markdown, { async: false });
}
