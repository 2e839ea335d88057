// The list of the person's accounts, and of the providers that are not connected.
import { asked, make, parsed } from './dom.js'

// What an account's last call from this page showed, where it says more than the gateway's record, and whether connecting
// the account again helps.
const SEEN = {
  ok: ['works', 'good'],
  'reconnect-required': ['reconnect needed', 'bad', true],
  'provider-scope-missing': ['scope missing', 'warn', true],
  'provider-rate-limited': ['too many calls', 'warn'],
  'provider-unreachable': ['provider not reachable', 'warn'],
  'provider-timeout': ['provider not reachable', 'warn'],
  'provider-error': ['provider failed', 'warn'],
  'provider-denied': ['last call refused', 'warn'],
  'provider-rejected': ['last call refused', 'warn']
}

// The outcome of the last call of each account from this tab, of one person. It outlives the way to the tenant and back.
export function outcomes(person) {
  const kept = parsed(sessionStorage.getItem('idp-gateway-outcomes'))
  const seen = new Map(kept?.person === person ? kept.entries : [])
  const keep = () => sessionStorage.setItem('idp-gateway-outcomes', JSON.stringify({ person, entries: [...seen] }))
  return {
    of: account => seen.get(account),
    // A call that the gateway refused says nothing about the account.
    note(account, outcome) {
      if (outcome in SEEN) seen.set(account, outcome)
      keep()
    },
    forget(account) {
      seen.delete(account)
      keep()
    }
  }
}

function stateOf({ state, refreshable }, seen) {
  if (state === 'reconnect') return SEEN['reconnect-required']
  if (SEEN[seen]) return SEEN[seen]
  if (state === 'expired' && !refreshable) return ['expired', 'bad', true]
  return ['not tried yet', 'none']
}

const names = { google: 'Google', github: 'GitHub', facebook: 'Facebook', bitbucket: 'Bitbucket', microsoft: 'Microsoft' }

// A provider's name for people; an entry of another name is called as the configuration calls it.
export const titleOf = ({ name, title }) => title ?? names[name] ?? name

const badge = entry => make('span', { class: `badge ${entry.adapter}`, textContent: titleOf(entry)[0].toUpperCase(), 'aria-hidden': 'true' })

function button(label, about, action, kind = 'plain small') {
  const made = make('button', { type: 'button', class: kind, textContent: label, 'aria-label': `${label} ${about}` })
  made.onclick = asked(action)
  return made
}

function ends({ expires_at: at, refreshable }) {
  const renewed = refreshable ? ' The gateway renews it.' : ''
  if (!at) return refreshable ? 'The gateway renews the token.' : 'Expiry of the token: not known.'
  return `The token ${new Date(at) < new Date() ? 'expired' : 'expires'} ${new Date(at).toLocaleString()}.${renewed}`
}

function card(entry, account, seen, actions) {
  const [state, tone, reconnect] = stateOf(account, seen)
  return make('li', { 'aria-label': `${titleOf(entry)} ${account.account}` },
    make('div', { class: 'title' }, badge(entry), make('strong', { textContent: titleOf(entry) }),
      make('span', { class: `chip ${tone}`, textContent: state })),
    make('p', { class: 'mono', textContent: account.account }),
    make('p', { class: 'quiet', textContent: `Source: ${account.source}. ${ends(account)}` }),
    account.scopes?.length && make('details', {}, make('summary', { textContent: `${account.scopes.length} scopes` }),
      make('ul', { class: 'scopes' }, ...account.scopes.map(scope => make('li', { textContent: scope })))),
    make('div', { class: 'actions' },
      reconnect && button('Connect', account.account, () => actions.connect(entry, account.account), 'small'),
      button('Use', account.account, () => actions.use(entry, account.account)),
      button('Profile', account.account, () => actions.profile(entry, account.account)),
      button('Disconnect', account.account, () => actions.disconnect(entry, account.account), 'plain small danger')))
}

function missing(entry, actions) {
  return make('li', { class: 'absent', 'aria-label': titleOf(entry) },
    make('div', { class: 'title' }, badge(entry), make('strong', { textContent: titleOf(entry) }),
      make('span', { class: 'chip none', textContent: 'not connected' }),
      button('Connect', `an account at ${titleOf(entry)}`, () => actions.connect(entry, ''))))
}

// All of them, those with accounts first. `seen` maps an account to the outcome of its last call.
export function accountList(providers, accounts, seen, actions) {
  const of = entry => accounts.filter(account => account.provider === entry.name)
  return [
    ...providers.flatMap(entry => of(entry).map(account => card(entry, account, seen.of(account.account), actions))),
    ...providers.filter(entry => !of(entry).length).map(entry => missing(entry, actions))
  ]
}
