// The demo's faults: switches of the sandbox, to watch what the gateway does about them.
import { titleOf } from './accounts.js'
import { asked, at, make } from './dom.js'

const LASTING = {
  'rate-limit': ['Too many calls', 'answers every call with its rate limit'],
  outage: ['Outage', 'accepts no connections']
}
const ONCE = {
  expired: ['Expire the access token', 'The access token has expired. The next call refreshes it, if there is a refresh token.'],
  revoked: ['Revoke the access', 'The access is revoked. Calls are refused. A path that worked less than a minute ago says provider-denied for up to five minutes; another path says reconnect-required. In both cases, connecting the account again helps.'],
  'key-rotation': ["Change the tenant's key", 'The tenant signs with another key. Tokens of both keys are accepted.']
}

// The lines of the audit log about one call. A gateway that is no demo has them elsewhere.
export async function audit(demo, request) {
  try {
    const answer = await fetch(new URL(`/audit/${encodeURIComponent(request)}`, demo))
    return answer.ok ? await answer.text() : ''
  } catch {
    return ''
  }
}

// `selected` gives the name of the provider that the form names.
export function faults(demo, user, selected) {
  const address = new URL('/faults', demo)
  const set = async order => {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider: selected(), user: user.sub, ...order })
    })
    if (!answer.ok) throw new Error('The sandbox has no such account: it cannot do that.')
  }
  const boxes = Object.entries(LASTING).map(([fault, [label, does]]) => {
    const box = make('input', { type: 'checkbox', role: 'switch' })
    box.onchange = asked(async () => {
      await set({ fault, on: box.checked })
      at('fault-state').textContent = `${titleOf({ name: selected() })} ${box.checked ? does : 'works again'}.`
    })
    return [fault, box, make('label', { class: 'check' }, box, label)]
  })
  const buttons = Object.entries(ONCE).map(([fault, [label, done]]) => {
    const button = make('button', { type: 'button', class: 'plain small', textContent: label })
    button.onclick = asked(async () => {
      await set({ fault, on: true })
      at('fault-state').textContent = done
    })
    return button
  })
  at('switches').replaceChildren(...boxes.map(([, , label]) => label), ...buttons)
  at('faults').hidden = false

  // Shows the switches of the provider that is selected.
  return async () => {
    const on = await (await fetch(address)).json()
    at('fault-provider').textContent = titleOf({ name: selected() })
    for (const [fault, box] of boxes) {
      box.checked = on.some(entry => entry.fault === fault && entry.provider === selected())
    }
  }
}
