/** Addresses below the page's base, so that every part of the app works under any path prefix. */

/** Path of the base with a slash at its end, such as `/` or `/lab/millstream/`. */
export function basePath(baseURI: string): string {
  const path = new URL(baseURI).pathname;
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** The app path (`/e/0`) of a browser path; a path outside the base is the app's root. */
export function appPath(base: string, pathname: string): string {
  return pathname.startsWith(base) ? `/${pathname.slice(base.length)}` : "/";
}

/** The browser path of an app path. */
export function browserPath(base: string, path: string): string {
  return base + path.replace(/^\/+/, "");
}

/** Where to log in, and to come back from to `page`, a browser path with its query. */
export function loginAddress(base: string, page: string): string {
  return `${base}login?next=${encodeURIComponent(page)}`;
}

/** A relative address with a query, leaving out what is undefined. */
export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parts.set(key, value);
  const text = parts.toString();
  return text ? `${path}?${text}` : path;
}

/** The app address that one of MLflow's `#/experiments/…` links means, or null. */
export function fromOldHash(hash: string): string | null {
  const run = /^#\/experiments\/[^/?]+\/runs\/([^/?]+)/.exec(hash);
  if (run) return `/r/${run[1]}`;
  const experiment = /^#\/experiments\/([^/?]+)/.exec(hash);
  return experiment ? `/e/${experiment[1]}` : null;
}
