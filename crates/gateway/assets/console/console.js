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

  const returned = new URLSearchParams(location.search)
  if (returned.has('state') && (returned.has('code') || returned.has('error'))) {
    try {
      await client.handleRedirectCallback()
    } catch (error) {
      fail(new Error(`Sign-in failed: ${error.message}`))
    }
    history.replaceState({}, '', here)
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
    const own = accounts.filter(account => account.provider === at('provider').value)
    at('account').replaceChildren(
      element('option', 'the only one', { value: '' }),
      ...own.map(account => element('option', account.account, { value: account.account }))
    )
  }

  // `Idp-Account` takes visible ASCII; the rest is percent-encoded, and so is the escape itself.
  const encoded = account => account.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
  const select = account => account ? { 'Idp-Account': encoded(account) } : {}

  // Outcomes whose body is never the provider's. Only then may a body say where to log in and what to do.
  const OWN = ['reconnect-required', 'account-not-connected', 'account-ambiguous']

  async function show(response, proxied = false) {
    const text = await response.text()
    const id = response.headers.get('x-request-id') ?? ''
    at('status').textContent = response.status
    at('outcome').textContent = response.headers.get('idp-outcome') ?? ''
    at('request').textContent = id
    at('body').textContent = pretty(text)
    at('explanation').hidden = true
    at('explain').onclick = asked(async () => {
      at('explanation').textContent = pretty(await (await ask(`/v1/explain/${encodeURIComponent(id)}`)).text())
      at('explanation').hidden = false
    })
    let problem = {}
    const own = !proxied || OWN.includes(response.headers.get('idp-outcome'))
    if (!response.ok && own) {
      try {
        problem = JSON.parse(text) ?? {}
      } catch {
        // A provider's own error needs not be JSON.
      }
    }
    at('remedy').textContent = problem.remedy ?? ''
    at('remedy').hidden = !problem.remedy
    const connect = problem.connect
    at('connect').hidden = !connect?.authorization_endpoint
    at('connect').onclick = asked(() => {
      const { authorization_endpoint, ...parameters } = connect
      return client.loginWithRedirect({ authorizationParams: parameters })
    })
    at('answer').hidden = false
  }

  function row(account) {
    const line = element('tr')
    const path = `/v1/me/${encodeURIComponent(account.provider)}`
    const profile = element('button', 'Profile', { type: 'button', class: 'plain' })
    profile.onclick = asked(async () => show(await ask(`${path}/profile`, { headers: select(account.account) })))
    const disconnect = element('button', 'Disconnect', { type: 'button', class: 'plain' })
    disconnect.onclick = asked(async () => {
      if (!confirm(`Disconnect ${account.account}? The gateway forgets its grant, and revokes it at the provider where that can be done.`)) return
      await show(await ask(path, { method: 'DELETE', headers: select(account.account) }))
      await list()
    })
    const actions = element('td')
    actions.append(profile, disconnect)
    line.append(
      element('td', account.provider),
      element('td', account.account),
      element('td', account.source),
      element('td', account.state, { class: account.state }),
      element('td', account.expires_at ?? '–'),
      element('td', account.refreshable ? 'yes' : 'no'),
      element('td', account.scopes?.join(' ') ?? '–'),
      actions
    )
    return line
  }

  async function list() {
    const response = await ask('/v1/me')
    const own = !proxied || OWN.includes(response.headers.get('idp-outcome'))
    if (!response.ok && own) {
      accounts = []
      await show(response)
    } else {
      accounts = (await response.json()).accounts
    }
    at('accounts').replaceChildren(...accounts.map(row))
    at('no-accounts').hidden = accounts.length > 0
    chooseProvider()
  }

  at('provider').replaceChildren(...config.providers.map(entry => element('option', entry.name)))
  at('provider').onchange = chooseProvider
  at('method').onchange = () => { at('json-label').hidden = ['GET', 'DELETE'].includes(at('method').value) }
  at('call').onsubmit = asked(async () => {
    const body = at('json-label').hidden || !at('json').value ? undefined : at('json').value
    await show(await ask(`/proxy/${encodeURIComponent(at('provider').value)}${at('path').value}`, {
      method: at('method').value,
      body,
      headers: {
        ...select(at('account').value),
        ...(body && { 'Content-Type': 'application/json' }),
        ...(at('problems').checked && { 'Idp-Errors': 'problem' })
      }
    }), true)
  })
  await asked(list)()
}

start().catch(error => {
  at('state').textContent = 'The console cannot start'
  fail(error)
})
