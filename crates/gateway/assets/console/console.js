// The console: what an app of the tenant would do, on the gateway's own origin. Whatever comes from a provider is shown
// as text, never as markup.
import { accountList, outcomes, titleOf } from './accounts.js'
import * as answer from './answer.js'
import { asked, at, fail, make, parsed } from './dom.js'
import { audit, faults } from './faults.js'
import { history } from './history.js'
import { toolList } from './mcp.js'
import { callsOf, gatewayEntry, linked, parameterOf } from './paths.js'

const gateway = new URL('..', location.href).href.replace(/\/$/, '')
const here = location.origin + location.pathname

// `Idp-Account` takes visible ASCII; the rest is percent-encoded, and so is the escape itself.
const encoded = account => account.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
const select = account => account ? { 'Idp-Account': encoded(account) } : {}
const BODILESS = ['GET', 'DELETE']

async function signedIn(config) {
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
  // What the person wanted before they went to the tenant.
  let wanted
  let failed = false
  const returned = new URLSearchParams(location.search)
  if (returned.has('idp_connect')) {
    wanted = JSON.parse(sessionStorage.getItem('connecting') ?? '{}')
    failed = returned.get('idp_connect') !== 'ok'
    if (failed) fail(new Error(`Nothing was connected: ${returned.get('idp_connect')}`))
    window.history.replaceState({}, '', here)
    await client.checkSession()
    // A browser that keeps the tenant's cookie from the silent check sends it with a redirect.
    if (!failed && !await client.isAuthenticated()) await client.loginWithRedirect({ appState: wanted })
  } else if (returned.has('state') && ['code', 'error', 'connect_code'].some(name => returned.has(name))) {
    try {
      wanted = (await client.handleRedirectCallback()).appState
    } catch (error) {
      wanted = error.appState
      failed = true
      fail(new Error(`${wanted?.connecting ? 'Nothing was connected' : 'Sign-in failed'}: ${error.message}`))
    }
    window.history.replaceState({}, '', here)
    // A login has brought tokens; anything else has to ask for them.
    if (failed || returned.has('connect_code')) await client.checkSession()
  } else {
    await client.checkSession()
  }
  return { client, user: await client.getUser(), wanted, failed }
}

async function health(config) {
  const begun = performance.now()
  const answered = await fetch(`${gateway}/openapi.json`, { cache: 'no-store' })
  const document = await answered.json()
  at('health').textContent = `v${config.version} · ${Math.round(performance.now() - begun)} ms`
  at('health').className = `chip ${answered.ok ? 'good' : 'bad'}`
  return document
}

async function start() {
  const config = await (await fetch('config.json')).json()
  const { client, user, wanted, failed } = await signedIn(config)
  const description = await health(config).catch(() => {
    at('health').textContent = 'not reachable'
    at('health').className = 'chip bad'
  })
  at('state').textContent = user ? `Signed in as ${user.name ?? user.sub}` : 'Not signed in'
  at('welcome').hidden = Boolean(user)
  at('logout').hidden = at('main').hidden = !user
  const tried = linked(location.hash)
  if (tried) window.history.replaceState({}, '', here)
  at('login').onclick = asked(() => client.loginWithRedirect({ appState: tried && { tried } }))
  at('logout').onclick = asked(() => client.logout({ logoutParams: { returnTo: here } }))
  if (user) await page(config, client, user, description, { wanted: tried ? { tried } : wanted, failed })
}

async function page(config, client, user, description, { wanted, failed }) {
  const fetcher = client.createFetcher({
    ...(config.dpop && { dpopNonceId: 'idp-gateway' }),
    // Left to itself, the fetcher asks for a token without the audience, which is opaque.
    getAccessToken: () => client.getTokenSilently({ detailedResponse: true })
  })
  // Each press of the button is a call: a provider's `Cache-Control` would have the browser answer it.
  const ask = (path, init = {}) => fetcher.fetchWithAuth(gateway + path, { cache: 'no-store', ...init })
  const entries = [...config.providers, gatewayEntry(description)]
  const entryOf = name => entries.find(entry => entry.name === name)
  const selected = () => at('provider').value
  const sample = (entry, account = '') => ({ provider: entry.name, path: callsOf(entry)[0].path, account, method: 'GET' })
  let accounts = []
  // The last call that the gateway can explain.
  let explained
  const seen = outcomes(user.sub)
  let running

  const remember = history(call => fill(call))
  const showFaults = config.demo && faults(config.demo, user, selected)
  answer.start()

  // Sends the person to connect an account; `next` is the call that is repeated when they are back.
  function connect(how, next) {
    if (how.url) return hostedConnect(how, next)
    const appState = { ...next, connecting: true }
    if (how.my_account_endpoint) {
      // Auth0 refuses an empty list.
      const scopes = how.scopes?.length ? how.scopes : undefined
      return client.connectAccountWithRedirect({ connection: how.connection, scopes, appState })
    }
    const { authorization_endpoint, url, ...authorizationParams } = how
    return client.loginWithRedirect({ authorizationParams, appState })
  }

  // The gateway has pages that do it. A link that leads back here is asked for; the one of the problem ends at a page.
  async function hostedConnect(how, next) {
    const { account, provider } = next
    const scopes = how.scopes ?? how.connection_scope?.split(',') ?? []
    const response = await ask(`/v1/me/${provider}/connect`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ scopes, ...(account && { account }), return_to: here })
    })
    sessionStorage.setItem('connecting', JSON.stringify({ ...next, connecting: true }))
    location.assign(response.ok ? (await response.json()).connect_url : how.url)
  }

  function chooseProvider() {
    const calls = callsOf(entryOf(selected()))
    at('paths').replaceChildren(...calls.map(({ path, label }) => make('option', { value: path, label: label ?? path })))
    at('suggestions').replaceChildren(...calls.filter(({ path }) => !selected() || !parameterOf(path)).map(call => {
      const { method = 'GET', path, label } = call
      const button = make('button', { type: 'button', class: 'plain small', title: selected() ? path : label,
        textContent: selected() ? label ?? path : `${method} ${path}` })
      button.onclick = () => take(call)
      return button
    }))
    take(calls[0])
    chooseAccount()
    at('check').hidden = !selected() || !description?.paths?.['/v1/check']
    if (config.demo) at('faults').hidden = !selected()
    if (selected()) showFaults?.().catch(fail)
  }

  // Takes a known call into the form, with what is known of its parameters.
  function take({ method = 'GET', path, body }) {
    const provider = accounts[0]?.provider ?? config.providers[0]?.name
    at('path').value = selected() ? path : path.replace('{provider}', provider ?? '{provider}').replace('{request-id}', explained ?? '{request-id}')
    at('method').value = method
    at('json').value = body ? JSON.stringify(body, undefined, 2) : ''
    chooseMethod()
    at('more').open ||= Boolean(body)
  }

  // Fills the form with the call that a link of the API's description names. The person sends it.
  function offer({ method, path }) {
    const proxied = path.startsWith('/proxy/')
    at('provider').value = proxied ? accounts[0]?.provider ?? config.providers[0]?.name ?? '' : ''
    chooseProvider()
    const calls = callsOf(entryOf(selected()))
    const known = proxied ? { ...calls[0], method } : calls.find(call => call.path === path && call.method === method)
    take(known ?? { method, path })
    at('path').focus()
  }

  function chooseAccount() {
    const own = accounts.filter(account => !selected() || account.provider === selected())
    const unnamed = selected() ? ['none connected', 'your only account'][own.length] : undefined
    at('account').replaceChildren(
      make('option', { value: '', textContent: unnamed ?? 'no account chosen' }),
      ...own.map(account => make('option', { value: account.account, textContent: account.account }))
    )
  }

  function chooseMethod() {
    at('json-label').hidden = BODILESS.includes(at('method').value)
  }

  function fill({ provider, path, account, method }) {
    if (!entryOf(provider)) return
    at('provider').value = provider
    chooseProvider()
    take({ path, method })
    at('account').value = account
  }

  function read() {
    const method = at('method').value
    const parameter = parameterOf(at('path').value)
    if (parameter) throw new Error(`Write a value for ${parameter} in the path first.`)
    return {
      provider: selected(), path: at('path').value, account: at('account').value, method,
      body: BODILESS.includes(method) || !at('json').value ? undefined : at('json').value
    }
  }

  function typedHeaders() {
    return at('headers').value.split('\n').filter(line => line.trim()).map(line => {
      const [, name, value] = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? []
      if (!name) throw new Error(`This is not a header: ${line}. Write a name, a colon and a value.`)
      return [name, value]
    })
  }

  // Makes a request and shows its answer. `call` is what the answer offers and says.
  async function exchange(path, init, call) {
    running?.abort()
    const controller = running = new AbortController()
    answer.clear('Calling …')
    answer.showCode(call.code)
    const begun = performance.now()
    try {
      const response = await ask(path, { ...init, signal: controller.signal })
      const result = await answer.showAnswer(response, begun, { gateway, ...call })
      explained = result.request || explained
      const found = result.request && await ask(`/v1/explain/${encodeURIComponent(result.request)}`)
      const told = found && parsed(await found.text())
      const explanation = found?.ok ? told : undefined
      if (running === controller) answer.showExplanation(explanation)
      if (config.demo) void audit(config.demo, result.request).then(lines => running === controller && answer.showAudit(lines))
      return { ...result, status: response.status, explanation }
    } catch (error) {
      if (controller.signal.aborted) return { outcome: 'aborted', problem: {} }
      answer.clear('No answer came. The gateway cannot be reached, or the browser refused the call.', 'bad')
      answer.showCode(call.code)
      throw error
    }
  }

  async function run(next) {
    const { provider, path, account, method, body, connecting } = next
    const entry = entryOf(provider)
    const problems = at('problems').checked
    const headers = [...Object.entries(select(account)), ...(body ? [['Content-Type', 'application/json']] : []),
      ...(problems ? [['Idp-Errors', 'problem']] : []), ...typedHeaders()]
    const target = provider ? `/proxy/${encodeURIComponent(provider)}${path}` : path
    const again = { ...next, connecting: undefined }
    const result = await exchange(target, { method, body, headers: Object.fromEntries(headers) }, {
      title: titleOf(entry), connecting, problems,
      code: [entry.adapter, { method, url: gateway + target, base: `${gateway}/proxy/${provider}`, path, headers, body }],
      actions: {
        connect: how => connect(how, again),
        choose: chosen => { fill({ ...again, account: chosen }); return run({ ...again, account: chosen }) },
        repeat: () => run(again),
        signIn: () => client.loginWithRedirect({ appState: again }),
        follow: rest => { const at = rest.indexOf('/'); fill({ ...again, provider: rest.slice(0, at), path: rest.slice(at) }) }
      }
    })
    if (result.status === undefined) return result
    remember(next, result)
    const own = accounts.filter(other => other.provider === provider)
    const used = result.explanation?.account || account || (own.length === 1 ? own[0].account : '')
    if (used) seen.note(used, result.outcome)
    await list()
    return result
  }

  // The gateway says in its refusal where to connect; an account that works after all is shown as such.
  async function tryOrConnect(next) {
    fill(next)
    const { problem } = await run(next)
    if (problem.connect) await connect(problem.connect, next)
  }

  const own = (entry, account, done) => ({
    title: titleOf(entry), problems: true, done,
    actions: {
      connect: how => connect(how, sample(entry, account)),
      choose: () => list(), repeat: () => list(), follow: () => {}, signIn: () => client.loginWithRedirect()
    }
  })
  const actions = {
    connect: (entry, account) => tryOrConnect(sample(entry, account)),
    use: (entry, account) => { fill(sample(entry, account)); at('path').focus() },
    profile: (entry, account) => exchange(`/v1/me/${encodeURIComponent(entry.name)}/profile`, { headers: select(account) },
      own(entry, account, () => 'The profile, in the same shape for every provider.')),
    async disconnect(entry, account) {
      if (!confirm(`Disconnect ${account}? The gateway deletes its grant, and revokes it at the provider if that is possible.`)) return
      await exchange(`/v1/me/${encodeURIComponent(entry.name)}`, { method: 'DELETE', headers: select(account) },
        own(entry, account, () => 'Disconnected.'))
      seen.forget(account)
      await list()
    }
  }

  async function list() {
    at('accounts').setAttribute('aria-busy', true)
    try {
      const response = await ask('/v1/me')
      const found = parsed(await response.text())
      if (!response.ok) throw new Error(found?.message ?? `The accounts cannot be read (${response.status}).`)
      accounts = found.accounts
      at('accounts').replaceChildren(...accountList(config.providers, accounts, seen, actions))
    } catch (error) {
      accounts = []
      at('accounts').replaceChildren(make('li', { class: 'empty', textContent: `The accounts cannot be read: ${error.message}` }))
      throw error
    } finally {
      at('accounts').setAttribute('aria-busy', false)
      const chosen = at('account').value
      chooseAccount()
      if (accounts.some(account => account.account === chosen)) at('account').value = chosen
    }
  }

  // The rules and the scopes of the person's token decide which they are; no call changes them.
  async function showTools() {
    const entries = await toolList(config.mcp, ask)
    at('tools').replaceChildren(...entries)
    at('mcp-address').textContent = gateway + config.mcp
    const count = entries.filter(entry => entry.className !== 'empty').length
    at('mcp-count').textContent = count === 1 ? '1 tool' : `${count} tools`
    at('mcp').hidden = false
  }

  async function check() {
    const { provider, path, account, method, body } = read()
    await exchange('/v1/check', {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider, path, method, ...(account && { account }), ...(body && { body: parsed(body) ?? body }) })
    }, own(entryOf(provider), account, answered => answered?.allowed
      ? 'The policy allows this call. It was not made.'
      : `This call would be refused: ${answered?.outcome}. It was not made.`))
  }

  at('provider').replaceChildren(...entries.map(entry => make('option', { value: entry.name, textContent: titleOf(entry) })))
  at('provider').onchange = chooseProvider
  at('method').onchange = chooseMethod
  at('refresh').onclick = asked(list)
  at('call').onsubmit = asked(() => run(read()))
  at('check').onclick = asked(check)

  await list().catch(fail)
  if (config.mcp) await showTools()
  if (wanted?.tried) return offer(wanted.tried)
  if (!wanted?.provider) {
    // A call that can work comes first.
    const connected = config.providers.find(({ name }) => accounts.some(account => account.provider === name))
    if (connected) at('provider').value = connected.name
    return chooseProvider()
  }
  fill(wanted)
  // Only a call that changes nothing is repeated without being asked for.
  if (!failed && wanted.method === 'GET') await asked(() => run(wanted))()
}

start().catch(error => {
  at('state').textContent = 'The console cannot start'
  fail(error)
})
