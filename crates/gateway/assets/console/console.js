// The console: what an app of the tenant would do, on the gateway's own origin. Whatever comes from a provider is shown
// as text, never as markup.

const at = id => document.getElementById(id)
const gateway = new URL('..', location.href).href.replace(/\/$/, '')
const here = location.origin + location.pathname

// A call that most accounts can make, by adapter.
const SAMPLES = {
  google: '/oauth2/v3/userinfo',
  github: '/user',
  facebook: '/v22.0/me?fields=id,name',
  bitbucket: '/2.0/user',
  microsoft: '/v1.0/me',
  oauth2: '/'
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

function fail(error) {
  at('error').textContent = error.error === 'login_required' || error.error === 'consent_required'
    ? 'The session is over; sign in again.'
    : `${error.message ?? error}`
  at('error').hidden = false
}

// Runs what a person asked for; an error is shown, not lost.
const asked = action => async event => {
  event?.preventDefault()
  at('error').hidden = true
  try {
    await action(event)
  } catch (error) {
    fail(error)
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function start() {
  const config = await (await fetch('config.json')).json()
  const client = await auth0.createAuth0Client({
    domain: config.domain,
    clientId: config.client_id,
    useDpop: config.dpop,
    authorizationParams: {
      redirect_uri: here,
      audience: config.audience,
      scope: ['openid', 'profile', 'email', ...config.scopes].join(' '),
      ...(config.organization && { organization: config.organization })
    }
  })
  const fetcher = client.createFetcher({
    ...(config.dpop && { dpopNonceId: 'idp-gateway' }),
    // Left to itself, the fetcher asks for a token without the audience, which is opaque.
    getAccessToken: () => client.getTokenSilently({ detailedResponse: true })
  })
  const ask = (path, init = {}) => fetcher.fetchWithAuth(gateway + path, init)

  // What the person wanted before they went to the tenant.
  let wanted
  let failed = false
  const returned = new URLSearchParams(location.search)
  if (returned.has('state') && ['code', 'error', 'connect_code'].some(name => returned.has(name))) {
    try {
      wanted = (await client.handleRedirectCallback()).appState
    } catch (error) {
      wanted = error.appState
      failed = true
      fail(new Error(`${wanted?.connecting ? 'Nothing was connected' : 'Sign-in failed'}: ${error.message}`))
    }
    history.replaceState({}, '', here)
    if (failed) await client.checkSession()
  } else {
    await client.checkSession()
  }

  const user = await client.getUser()
  at('state').textContent = user ? `Signed in as ${user.name ?? user.sub}` : 'Not signed in'
  at('login').hidden = Boolean(user)
  at('logout').hidden = at('main').hidden = !user
  at('login').onclick = asked(() => client.loginWithRedirect())
  at('logout').onclick = asked(() => client.logout({ logoutParams: { returnTo: here } }))
  if (!user) return

  let accounts = []

  function adapterOf(provider) {
    return config.providers.find(entry => entry.name === provider)?.adapter
  }

  function chooseProvider() {
    at('path').value = SAMPLES[adapterOf(at('provider').value)] ?? '/'
    chooseAccount()
  }

  function chooseAccount() {
    const own = accounts.filter(account => account.provider === at('provider').value)
    at('account').replaceChildren(
      element('option', 'the only one', { value: '' }),
      ...own.map(account => element('option', account.account, { value: account.account }))
    )
  }

  // `Idp-Account` takes visible ASCII; the rest is percent-encoded, and so is the escape itself.
  const encoded = account => account.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
  const select = account => account ? { 'Idp-Account': encoded(account) } : {}

  // Sends the person to connect an account; `next` is the call that is repeated when they are back.
  function connect(how, next) {
    const appState = { ...next, connecting: true }
    if (how.my_account_endpoint) {
      return client.connectAccountWithRedirect({ connection: how.connection, scopes: how.scopes, appState })
    }
    const { authorization_endpoint, ...authorizationParams } = how
    return client.loginWithRedirect({ authorizationParams, appState })
  }

  // No earlier answer stays while another is on its way, or when none comes.
  function clear(message) {
    for (const id of ['status', 'outcome', 'request', 'effort', 'body', 'explanation', 'remedy']) at(id).textContent = ''
    for (const id of ['explanation', 'remedy', 'explain', 'connect']) at(id).hidden = true
    at('message').textContent = message
    at('answer').hidden = false
  }

  // Makes a request and shows its answer. `next` is what to repeat after a Connect, if the call can be repeated.
  async function exchange(path, init, next) {
    clear('Calling …')
    const begun = performance.now()
    try {
      const response = await ask(path, init)
      const text = await response.text()
      return show(response, text, performance.now() - begun, init, next)
    } catch (error) {
      clear('No answer came.')
      throw error
    }
  }

  function show(response, text, millis, init, next) {
    const id = response.headers.get('x-request-id') ?? ''
    const outcome = response.headers.get('idp-outcome') ?? ''
    at('status').textContent = response.status
    at('outcome').textContent = outcome
    at('request').textContent = id
    at('effort').textContent = `${Math.round(millis)} ms, ${new Blob([text]).size} bytes`
    at('body').textContent = pretty(text)
    at('explain').hidden = !id
    at('explain').onclick = asked(async () => {
      at('explanation').textContent = pretty(await (await ask(`/v1/explain/${encodeURIComponent(id)}`)).text())
      at('explanation').hidden = false
    })
    // A provider's own error is no problem of the gateway's: nothing in it is followed.
    const own = !response.ok && (!outcome.startsWith('provider-') || init?.headers?.['Idp-Errors'] === 'problem')
    const problem = (own && parsed(text)) || {}
    at('message').textContent = response.ok
      ? `${next?.connecting ? 'Connected: the call works.' : 'The call works.'}`
      : problem.title ?? 'The call was refused.'
    at('remedy').textContent = problem.remedy ?? ''
    at('remedy').hidden = !problem.remedy
    at('connect').hidden = !problem.connect
    at('connect').onclick = asked(() => connect(problem.connect, { ...next, connecting: undefined }))
    return { ok: response.ok, problem }
  }

  function button(label, about, action) {
    const made = element('button', label, { type: 'button', class: 'plain', 'aria-label': `${label} ${about}` })
    made.onclick = asked(action)
    return made
  }

  const sample = provider => ({ provider, path: SAMPLES[adapterOf(provider)] ?? '/', account: '', method: 'GET' })

  // The gateway says in its refusal where to connect; an account that works after all is shown as such.
  async function tryOrConnect(next) {
    fill(next)
    const { problem } = await run(next)
    if (problem.connect) await connect(problem.connect, next)
  }

  function row(account) {
    const line = element('tr')
    const path = `/v1/me/${encodeURIComponent(account.provider)}`
    const headers = select(account.account)
    const actions = element('td')
    actions.append(button('Profile', account.account, () => exchange(`${path}/profile`, { headers })))
    if (['reconnect', 'expired'].includes(account.state)) {
      const next = { ...sample(account.provider), account: account.account }
      actions.append(button('Connect', account.account, () => tryOrConnect(next)))
    }
    actions.append(button('Disconnect', account.account, async () => {
      if (!confirm(`Disconnect ${account.account}? The gateway forgets its grant, and revokes it at the provider where that can be done.`)) return
      await exchange(path, { method: 'DELETE', headers })
      await list()
    }))
    line.append(
      element('td', account.provider),
      element('td', account.account),
      element('td', account.source),
      element('td', stateOf(account), { class: account.state }),
      element('td', account.expires_at ?? '–'),
      element('td', account.refreshable ? 'yes' : 'no'),
      element('td', account.scopes?.join(' ') ?? '–'),
      actions
    )
    return line
  }

  // Accounts that answered a call from this page.
  const worked = new Set()

  function stateOf({ account, state, refreshable }) {
    if (state === 'reconnect') return 'reconnect needed'
    if (worked.has(account)) return 'works'
    return state === 'expired' && !refreshable ? 'expired' : 'not tried yet'
  }

  function missing({ name }) {
    const line = element('tr')
    const actions = element('td')
    actions.append(button('Connect', name, () => tryOrConnect(sample(name))))
    line.append(element('td', name), element('td', '–'), element('td', '–'), element('td', 'not connected'),
      element('td', '–'), element('td', '–'), element('td', '–'), actions)
    return line
  }

  async function list() {
    const response = await ask('/v1/me')
    const answer = parsed(await response.text())
    accounts = response.ok ? answer.accounts : []
    const without = config.providers.filter(entry => !accounts.some(account => account.provider === entry.name))
    at('accounts').replaceChildren(...accounts.map(row), ...(response.ok ? without.map(missing) : []))
    if (!response.ok) throw new Error(answer?.message ?? `The accounts cannot be read (${response.status}).`)
    const chosen = at('account').value
    chooseAccount()
    if (accounts.some(account => account.account === chosen)) at('account').value = chosen
  }

  function fill({ provider, path, account, method }) {
    at('provider').value = provider
    chooseAccount()
    at('path').value = path
    at('account').value = account
    at('method').value = method
    at('method').onchange()
  }

  async function run(next, body) {
    const { provider, path, account, method } = next
    const result = await exchange(`/proxy/${encodeURIComponent(provider)}${path}`, {
      method,
      body,
      headers: {
        ...select(account),
        ...(body && { 'Content-Type': 'application/json' }),
        ...(at('problems').checked && { 'Idp-Errors': 'problem' })
      }
    }, next)
    const own = accounts.filter(entry => entry.provider === provider)
    const used = account || (own.length === 1 ? own[0].account : '')
    if (result.ok && used) worked.add(used)
    else worked.delete(used)
    await list()
    return result
  }

  at('provider').replaceChildren(...config.providers.map(entry => element('option', entry.name)))
  at('provider').onchange = chooseProvider
  at('method').onchange = () => { at('json-label').hidden = ['GET', 'DELETE'].includes(at('method').value) }
  at('call').onsubmit = asked(() => run({
    provider: at('provider').value, path: at('path').value, account: at('account').value, method: at('method').value
  }, at('json-label').hidden || !at('json').value ? undefined : at('json').value))

  await list().catch(fail)
  if (!wanted?.provider) return chooseProvider()
  fill(wanted)
  // Only a call that changes nothing is repeated without being asked for.
  if (!failed && wanted.method === 'GET') await asked(() => run(wanted))()
}

start().catch(error => {
  at('state').textContent = 'The console cannot start'
  fail(error)
})
