/** Who is logged in, and tokens: only where the server asks for a login. */

import { ApiError, call } from "./api";

export interface User {
  username: string;
  is_admin: boolean;
}

export interface Token {
  token_id: string;
  name: string;
  scope: string;
  things: Record<string, string[]> | null;
  created: number;
  expires: number;
}

export const SCOPES = ["read", "edit", "manage", "full"] as const;

/** The user who asks; null where nobody logs in, and for somebody who came by a share link. */
export async function getUser(signal?: AbortSignal): Promise<User | null> {
  try {
    return (await call<{ user: User }>("GET", "ajax-api/2.0/mlflow/users/current", undefined, signal)).user;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403 || error.status === 501)) return null;
    throw error;
  }
}

export const getTokens = async (signal?: AbortSignal): Promise<Token[]> =>
  (await call<{ tokens: Token[] }>("GET", "api/ui/tokens", undefined, signal)).tokens;

/** Makes a token; its secret is told this once. */
export const createToken = async (name: string, scope: string, days: number): Promise<string> =>
  (await call<{ token: string }>("POST", "api/ui/tokens", { name, scope, days })).token;

export const revokeToken = (id: string): Promise<unknown> => call("DELETE", `api/ui/tokens/${encodeURIComponent(id)}`);
