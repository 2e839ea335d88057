/**
 * A client for idp-gateway: a `fetch` wrapper that reads the outcome of each call and knows what the app can do about it.
 * It has no dependencies and runs in browsers, Node 18 and later, Deno and Bun.
 */
import type { components } from './openapi.js'

/** What became of a call, as in the header `Idp-Outcome` and in the member `code` of a problem. */
export type Outcome = components['schemas']['Code']

/** An error answer of the gateway (RFC 9457). */
export type Problem = components['schemas']['Problem']

/** How the user connects an account, as in the member `connect` of a problem. */
export type Connect = components['schemas']['Connect']

/** What the app should do after a call. */
export type Action =
  /** The call succeeded, or the provider's own error is the answer. */
  | { kind: 'none' }
  /** The user has to log in. */
  | { kind: 'login' }
  /**
   * The user has to connect an account. `connect` says how; it is null where the app knows the way. `missingScopes` are the
   * scopes that `connect` asks for.
   */
  | { kind: 'connect'; connect: Connect | null; missingScopes: string[] }
  /** The user has several accounts at this provider. Send one of them as `account`. */
  | { kind: 'choose-account'; accounts: string[] }
  /** The call can be repeated after this many seconds. */
  | { kind: 'wait'; seconds: number }
  /** The provider does not answer. A call that only reads can be repeated later. */
  | { kind: 'later' }
  /** Only the operator can help. Show them the request id. */
  | { kind: 'tell-operator'; requestId: string }
  /**
   * The call is not allowed. Repeating it does not help. `connect` is there if the provider accepted the token moments ago: if the
   * user has revoked the access since, connecting the account again helps.
   */
  | { kind: 'give-up'; connect: Connect | null }

/** The answer to one call. */
export interface Result {
  /** The provider's answer, or the gateway's problem. Its body has not been read. */
  response: Response
  outcome: Outcome
  /** The gateway's problem, if the gateway answered by itself. */
  problem: Problem | null
  action: Action
  /** Send this to the operator with a question. */
  requestId: string
}

export interface Options {
  /** Where the gateway is, for example `https://idp.acme.com`. */
  baseUrl: string
  /** Returns the Auth0 access token for the gateway's audience. `fresh` asks for a token that is not from a cache. */
  getToken: (options: { fresh: boolean }) => Promise<string>
  /** Another implementation of `fetch`. */
  fetch?: typeof fetch
}

export interface CallInit extends RequestInit {
  /** Which of several accounts: `connection` or `connection|user id`. */
  account?: string
  /** `problem` turns every error of the provider into a problem. */
  errors?: 'passthrough' | 'problem'
}

const OPERATOR: readonly Outcome[] = ['tenant-misconfigured', 'provider-misconfigured', 'internal-error']
const LOGIN: readonly Outcome[] = ['caller-token-missing', 'caller-token-invalid', 'caller-token-opaque', 'caller-token-expired']
const WAIT: readonly Outcome[] = [
  'provider-rate-limited', 'tenant-rate-limited', 'rate-limited', 'overloaded', 'tenant-unavailable', 'store-unavailable'
]
const LATER: readonly Outcome[] = ['provider-unreachable', 'provider-timeout']

/** `Idp-Account` takes visible ASCII. Other characters, and `%` itself, are percent-encoded. */
export function encodeAccount(account: string): string {
  return account.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
}

/** What the app can do about an answer. */
export function actionFor(outcome: Outcome, response: Response, problem: Problem | null): Action {
  if (outcome === 'ok') return { kind: 'none' }
  if (LOGIN.includes(outcome)) return { kind: 'login' }
  if (outcome === 'account-not-connected' || outcome === 'reconnect-required' || outcome === 'provider-scope-missing') {
    // Without `connect` the user came back without the scope: do not ask again.
    if (outcome === 'provider-scope-missing' && problem !== null && !problem.connect) return { kind: 'give-up', connect: null }
    return { kind: 'connect', connect: problem?.connect ?? null, missingScopes: askedFor(problem) }
  }
  if (outcome === 'account-ambiguous') {
    return { kind: 'choose-account', accounts: (problem?.accounts ?? []).flatMap(({ account }) => account ?? []) }
  }
  if (WAIT.includes(outcome)) {
    const seconds = Number(response.headers.get('retry-after') ?? problem?.retry_after ?? 1)
    return { kind: 'wait', seconds: Number.isFinite(seconds) ? seconds : 1 }
  }
  if (LATER.includes(outcome)) return { kind: 'later' }
  if (OPERATOR.includes(outcome)) return { kind: 'tell-operator', requestId: response.headers.get('x-request-id') ?? '' }
  if (problem === null) return { kind: 'none' }
  return { kind: 'give-up', connect: problem.connect ?? null }
}

/** Several missing scopes can be alternatives of one another. These are the ones that `connect` asks for. */
function askedFor(problem: Problem | null): string[] {
  const missing = problem?.missing_scopes ?? []
  const asked = scopesOf(problem?.connect ?? null)
  const narrowest = missing.filter((scope) => asked.includes(scope))
  return narrowest.length > 0 ? narrowest : missing
}

function scopesOf(how: Connect | null): string[] {
  if (how === null) return []
  return 'my_account_endpoint' in how ? how.scopes : how.connection_scope?.split(',') ?? []
}

async function problemOf(response: Response, errors: CallInit['errors']): Promise<Problem | null> {
  // A provider's own error is no problem of the gateway's: nothing in it is followed.
  const foreign = response.headers.get('idp-outcome')?.startsWith('provider-') && errors !== 'problem'
  if (response.ok || foreign || !/json/.test(response.headers.get('content-type') ?? '')) return null
  try {
    const body: unknown = await response.clone().json()
    const isProblem = typeof body === 'object' && body !== null && 'code' in body && 'request_id' in body
    return isProblem ? (body as Problem) : null
  } catch {
    return null
  }
}

/** A segment `.` or `..` as `fetch` reads it. */
const CLIMBS = /[/\\](?:\.|%2e){1,2}(?:[/\\]|$)/i

/**
 * The path below the provider. `fetch` resolves `.` and `..` before it sends, so a part of the path that comes from a user could
 * lead to another provider.
 */
function below(provider: string, path: string): string {
  if (!path.startsWith('/') || CLIMBS.test(path.split(/[?#]/, 1)[0] ?? '')) {
    throw new TypeError(`the path ${JSON.stringify(path)} does not stay below ${provider}: check the parts that come from users`)
  }
  return `/proxy/${encodeURIComponent(provider)}${path}`
}

/** A client for one gateway. */
export class IdpGateway {
  readonly #baseUrl: string
  readonly #getToken: Options['getToken']
  readonly #fetch: typeof fetch

  constructor(options: Options) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '')
    this.#getToken = options.getToken
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
  }

  /**
   * Calls a provider's API. `path` is the provider's own path with its query. An expired caller token is renewed once.
   * Throws a `TypeError` for a path with a segment `.` or `..`.
   */
  async call(provider: string, path: string, init: CallInit = {}): Promise<Result> {
    const first = await this.#request(below(provider, path), init, false)
    const replayable = init.body === undefined || init.body === null || typeof init.body === 'string'
    if (first.outcome !== 'caller-token-expired' || !replayable) return first
    return this.#request(below(provider, path), init, true)
  }

  /** Who the caller is, and which accounts the gateway can use. */
  async me(): Promise<components['schemas']['Me']> {
    const { response, outcome } = await this.#request('/v1/me', {}, false)
    if (!response.ok) throw new Error(`GET /v1/me: ${outcome}`)
    return (await response.json()) as components['schemas']['Me']
  }

  /**
   * Hosted connect: an address of the gateway that connects the account and sends the browser back to `returnTo`. Null if the
   * gateway has no hosted connect: then use {@link connect}. The browser comes back with `idp_connect` in the query.
   */
  async connectUrl(provider: string, how: Connect, options: { returnTo: string; account?: string }): Promise<string | null> {
    if (!how.url) return null
    const { returnTo, account } = options
    const { response } = await this.#request(`/v1/me/${encodeURIComponent(provider)}/connect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ scopes: scopesOf(how), return_to: returnTo, ...(account === undefined ? {} : { account }) })
    }, false)
    // The page of the problem connects the account too. It does not lead back.
    return response.ok ? ((await response.json()) as { connect_url: string }).connect_url : how.url
  }

  async #request(path: string, init: CallInit, fresh: boolean): Promise<Result> {
    const { account, errors, headers, ...rest } = init
    const all = new Headers(headers)
    all.set('authorization', `Bearer ${await this.#getToken({ fresh })}`)
    if (account !== undefined) all.set('idp-account', encodeAccount(account))
    if (errors !== undefined) all.set('idp-errors', errors)
    const response = await this.#fetch(this.#baseUrl + path, { ...rest, headers: all })
    const problem = await problemOf(response, errors)
    const outcome = (response.headers.get('idp-outcome') ?? problem?.code ?? (response.ok ? 'ok' : 'provider-error')) as Outcome
    return {
      response,
      outcome,
      problem,
      action: actionFor(outcome, response, problem),
      requestId: response.headers.get('x-request-id') ?? ''
    }
  }
}

/** The part of `@auth0/auth0-spa-js` that {@link connect} uses. */
export interface LoginClient {
  loginWithRedirect(options: { authorizationParams: Record<string, string>; appState?: unknown }): Promise<void>
  connectAccountWithRedirect?(options: { connection: string; scopes?: string[]; appState?: unknown }): Promise<void>
}

/**
 * Sends the user to connect an account by a login in your app. It does not use hosted connect: see {@link IdpGateway.connectUrl}.
 * The page is left; `appState` comes back with the redirect callback.
 */
export async function connect(client: LoginClient, how: Connect, appState?: unknown): Promise<void> {
  if ('my_account_endpoint' in how) {
    if (!client.connectAccountWithRedirect) throw new Error('Token Vault accounts need @auth0/auth0-spa-js 2.9 or later')
    // Auth0 refuses an empty list.
    const scopes = how.scopes.length > 0 ? { scopes: how.scopes } : {}
    await client.connectAccountWithRedirect({ connection: how.connection, ...scopes, appState })
    return
  }
  // The client knows its tenant: the endpoint is for apps without such a library.
  const { authorization_endpoint: _, url: __, ...authorizationParams } = how
  await client.loginWithRedirect({ authorizationParams, appState })
}
