// A complete single-page app: it signs the user in, calls a provider through the gateway, and reacts to each refusal.
// `config.json` names the tenant, the client, the audience and the gateway.

const at = (id) => document.getElementById(id)
const config = await (await fetch('config.json')).json()

// The names for people of the providers that the form lists.
const nameOf = (provider) => at('provider').querySelector(`[value="${CSS.escape(provider)}"]`)?.textContent ?? provider

const auth0Client = await auth0.createAuth0Client({
  domain: config.domain,
  clientId: config.client_id,
  authorizationParams: { redirect_uri: location.origin + location.pathname, audience: config.audience }
})

// Calls a provider. The access token is the app's own; the provider's token never reaches the browser.
async function call({ provider, path, account }) {
  const request = async (options) => fetch(`${config.gateway}/proxy/${provider}${path}`, {
    headers: {
      Authorization: `Bearer ${await auth0Client.getTokenSilently(options)}`,
      // The body of every refusal is the gateway's own then, and `connect` in it can be trusted.
      'Idp-Errors': 'problem',
      ...(account && { 'Idp-Account': encodeAccount(account) })
    }
  })
  const response = await request()
  // An expired token is replaced once, without the user.
  return response.headers.get('idp-outcome') === 'caller-token-expired' ? request({ cacheMode: 'off' }) : response
}

// `Idp-Account` takes visible ASCII. Other characters, and `%` itself, are percent-encoded.
const encodeAccount = (account) => account.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)

// Sends the user to connect an account, and repeats the call afterwards.
function connect(how, wanted) {
  if (how.url) return hostedConnect(how, wanted)
  const appState = { ...wanted, connecting: true }
  if (how.my_account_endpoint) {
    // Auth0 refuses an empty list.
    const scopes = how.scopes?.length ? how.scopes : undefined
    return auth0Client.connectAccountWithRedirect({ connection: how.connection, scopes, appState })
  }
  const { authorization_endpoint, url, ...authorizationParams } = how
  return auth0Client.loginWithRedirect({ authorizationParams, appState })
}

// The gateway has pages that do it. A link that leads back here is asked for; the one of the problem ends at a page.
async function hostedConnect(how, wanted) {
  const { account, provider } = wanted
  const scopes = how.scopes ?? how.connection_scope?.split(',') ?? []
  const response = await fetch(`${config.gateway}/v1/me/${provider}/connect`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await auth0Client.getTokenSilently()}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ scopes, account, return_to: location.origin + location.pathname })
  })
  sessionStorage.setItem('connecting', JSON.stringify({ ...wanted, connecting: true }))
  location.assign(response.ok ? (await response.json()).connect_url : how.url)
}

async function run(wanted) {
  say('Calling …')
  try {
    await show(await call(wanted), wanted)
  } catch (error) {
    say(`The call failed: ${error.message}`, 'bad')
  }
}

// Replaces the earlier answer as a whole.
function say(message, tone = 'waiting') {
  at('message').textContent = message
  at('actions').replaceChildren()
  at('body').textContent = at('request').textContent = at('code').textContent = ''
  at('details').hidden = true
  at('answer').className = tone
  at('answer').hidden = false
}

async function show(response, wanted) {
  const text = await response.text()
  const body = parse(text)
  const outcome = response.headers.get('idp-outcome') ?? body?.code
  at('details').hidden = false
  at('request').textContent = response.headers.get('x-request-id') ?? ''
  at('body').textContent = body === undefined ? text : JSON.stringify(body, null, 2)
  at('answer').className = response.ok ? 'good' : 'bad'
  at('code').textContent = codeOf(wanted)
  if (response.ok) {
    at('message').textContent = `${wanted.connecting ? 'Connected. ' : ''}It works (${response.status}).`
  } else {
    const refusal = REFUSALS[outcome] ?? (() => `The call was refused: ${body?.message ?? outcome}`)
    at('message').textContent = refusal(body ?? {}, { ...wanted, connecting: undefined }, response)
  }
}

// The call as an app writes it.
const codeOf = ({ provider, path, account }) => `const response = await fetch('${config.gateway}/proxy/${provider}${path}', {
  headers: {
    Authorization: \`Bearer \${await auth0Client.getTokenSilently()}\`${account ? `,\n    'Idp-Account': '${encodeAccount(account)}'` : ''}
  }
})`

// What the app says and offers for each refusal. The table in the guide lists the same words.
const REFUSALS = {
  'account-not-connected': (problem, wanted) =>
    offerConnect(problem, wanted, `You have not connected an account at ${nameOf(wanted.provider)}.`),
  'reconnect-required': (problem, wanted) =>
    offerConnect(problem, wanted, `${nameOf(wanted.provider)} no longer accepts the access that you gave.`),
  'provider-scope-missing': (problem, wanted) =>
    offerConnect(problem, wanted, `You have not agreed to this yet: ${asked(problem).join(', ') || 'a permission of this call'}.`),
  'provider-denied': (problem, wanted) => {
    const denied = `${nameOf(wanted.provider)} does not allow this call.`
    // The provider accepted the token moments ago: the user may have revoked the access since.
    return problem.connect ? offerConnect(problem, wanted, `${denied} If you have revoked the access, connect your account again.`) : denied
  },
  'account-ambiguous': (problem, wanted) => {
    for (const { account } of problem.accounts ?? []) offer(`Use ${account}`, () => run({ ...wanted, account }))
    return 'You have several accounts at this provider. Choose one.'
  },
  'caller-token-missing': offerSignIn,
  'caller-token-invalid': offerSignIn,
  'caller-token-opaque': offerSignIn,
  'caller-token-expired': offerSignIn,
  'provider-rate-limited': offerRetry,
  'tenant-rate-limited': offerRetry,
  'tenant-unavailable': offerRetry,
  'rate-limited': offerRetry,
  'overloaded': offerRetry,
  'store-unavailable': offerRetry,
  'provider-unreachable': offerLater,
  'provider-timeout': offerLater
}

// Several missing scopes can be alternatives: those are named that `connect` asks for.
function asked({ connect, missing_scopes: missing = [] }) {
  const wanted = connect?.scopes ?? connect?.connection_scope?.split(',') ?? []
  const narrowest = missing.filter((scope) => wanted.includes(scope))
  return narrowest.length ? narrowest : missing
}

function offerConnect(problem, wanted, message) {
  if (!problem.connect) return `${message} ${problem.remedy ?? ''}`
  offer('Connect', () => connect(problem.connect, wanted))
  return message
}

function offerSignIn(problem, wanted) {
  offer('Sign in again', () => auth0Client.loginWithRedirect({ appState: wanted }))
  return 'You have to sign in again.'
}

function offerRetry(problem, wanted, response) {
  const seconds = Number(response.headers.get('retry-after') ?? 1)
  const button = offer('Repeat the call', () => run(wanted))
  button.disabled = true
  setTimeout(() => { button.disabled = false }, seconds * 1000)
  return `Too many calls, or a server is not available. Wait ${seconds} s.`
}

function offerLater(problem, wanted) {
  offer('Repeat the call', () => run(wanted))
  return `${nameOf(wanted.provider)} does not answer. Try again later.`
}

function offer(label, action) {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = label
  button.onclick = async () => {
    try {
      await action()
    } catch (error) {
      say(`That did not work: ${error.message}`, 'bad')
    }
  }
  at('actions').append(button)
  return button
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

// The user comes back from the tenant: what the app wanted before, and what went wrong on the way.
async function returned() {
  const query = new URLSearchParams(location.search)
  if (query.has('idp_connect')) {
    history.replaceState({}, '', location.pathname)
    const wanted = JSON.parse(sessionStorage.getItem('connecting') ?? '{}')
    const result = query.get('idp_connect')
    const reason = result === 'denied' ? 'you did not agree' : `${result} (request id ${query.get('request_id')})`
    return { wanted, error: result === 'ok' ? undefined : new Error(reason) }
  }
  if (!query.has('state') || !(query.has('code') || query.has('error') || query.has('connect_code'))) return {}
  try {
    return { wanted: (await auth0Client.handleRedirectCallback()).appState }
  } catch (error) {
    return { wanted: error.appState, error }
  } finally {
    history.replaceState({}, '', location.pathname)
  }
}

const { wanted, error } = await returned()
// Tokens live in memory only: after a reload, and after an account was connected, the tenant's session brings them back.
if (!(await auth0Client.isAuthenticated())) await auth0Client.checkSession()
const user = await auth0Client.getUser()
at('user').textContent = user ? `Signed in as ${user.name ?? user.sub}` : 'Not signed in'
at('welcome').hidden = Boolean(user)
at('logout').hidden = at('main').hidden = !user
at('login').onclick = () => auth0Client.loginWithRedirect()
at('logout').onclick = () => auth0Client.logout({ logoutParams: { returnTo: location.origin + location.pathname } })
at('provider').onchange = (event) => { at('path').value = event.target.selectedOptions[0].dataset.path }
at('call').onsubmit = (event) => {
  event.preventDefault()
  run({ provider: at('provider').value, path: at('path').value })
}
if (wanted?.provider) {
  at('provider').value = wanted.provider
  at('path').value = wanted.path
}
// A browser that keeps the tenant's cookie from the silent check sends it with a redirect.
if (!user && !error && wanted?.connecting) await auth0Client.loginWithRedirect({ appState: wanted })
if (error) {
  at('main').hidden = false
  say(wanted?.connecting ? `Nothing was connected: ${error.message}.` : `Sign-in failed: ${error.message}`, 'bad')
  if (user && wanted?.provider) offer('Call again', () => run({ ...wanted, connecting: undefined }))
} else if (user && wanted?.provider) {
  await run(wanted)
}
