/** Markdown as elements of the page: only what is on the lists below gets in, and nothing of it is asked of other hosts. */

import DOMPurify from "dompurify";
import { Marked } from "marked";
import { hrefOf } from "../app/nav";
import type { FileSource } from "../core/files";

/** Where a text lies, so that what stands beside it is found. */
export interface Surroundings {
  /** Its folder, with a slash at its end, or "". */
  folder: string;
  files: FileSource;
}

const TAGS = [
  "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input",
  "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
  "thead", "tr", "u", "ul", "var",
];
const ATTRIBUTES = ["href", "src", "alt", "title", "align", "colspan", "rowspan", "start", "open", "type", "checked", "disabled", "width", "height"];

// Handlers are left out by the sanitiser below. Taken out before, they never come to a parser that would tell of each.
const HANDLER = /[\s/]+on[a-z]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/gi;
const marked = new Marked({ gfm: true, async: false, renderer: { html: ({ text }) => text.replace(HANDLER, "") } });

/** Elements for a text. Links to other sites open beside the page; pictures of other sites become links. */
export function renderMarkdown(text: string, around: Surroundings): DocumentFragment {
  const html = marked.parse(text) as string;
  const found = DOMPurify.sanitize(html, { ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, RETURN_DOM_FRAGMENT: true });
  for (const image of found.querySelectorAll("img")) settleImage(image, around);
  for (const link of found.querySelectorAll("a")) settleLink(link, around);
  for (const box of found.querySelectorAll("input")) {
    // Of fields only the ticks of task lists are meant.
    if (box.type !== "checkbox") box.remove();
    else {
      box.disabled = true;
      box.setAttribute("aria-label", box.parentElement?.textContent?.trim().slice(0, 200) || "☑");
    }
  }
  for (const table of found.querySelectorAll("table")) {
    const room = document.createElement("div");
    room.className = "prose-table";
    table.replaceWith(room);
    room.append(table);
  }
  return found;
}

const SCHEME = /^[a-z][a-z\d+.-]*:|^\/\//i;

/** Where a path beside the text leads; null when that is no file of ours. */
export function pathBeside(folder: string, path: string): string | null {
  if (SCHEME.test(path) || /^(?:#|$)/.test(path)) return null;
  const parts: string[] = [];
  let text: string;
  try {
    text = decodeURIComponent(path.replace(/[?#].*$/s, ""));
  } catch {
    return null;
  }
  for (const part of (text.startsWith("/") ? text : folder + text).split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return null;
    } else if (part && part !== ".") parts.push(part);
  }
  return parts.length ? parts.join("/") : null;
}

function settleImage(image: HTMLImageElement, around: Surroundings): void {
  const source = image.getAttribute("src") ?? "";
  image.loading = "lazy";
  if (/^data:image\/(png|jpeg|gif|webp|avif);base64,/i.test(source)) return;
  const link = document.createElement("a");
  link.textContent = image.alt || source || "?";
  const path = pathBeside(around.folder, source);
  if (path !== null) {
    image.addEventListener("error", () => image.replaceWith(link), { once: true });
    image.src = around.files.address(path);
    return;
  }
  // What is elsewhere is not asked for; the reader may.
  if (/^https?:/i.test(source)) {
    link.href = source;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  image.replaceWith(link);
}

function settleLink(link: HTMLAnchorElement, around: Surroundings): void {
  const target = link.getAttribute("href") ?? "";
  if (/^(https?|mailto):/i.test(target)) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return;
  }
  const path = pathBeside(around.folder, target);
  if (path === null) link.removeAttribute("href");
  else {
    link.dataset.to = around.files.page(path);
    link.href = hrefOf(link.dataset.to);
  }
}
