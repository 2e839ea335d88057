// The last calls of this tab, newest first. Bodies and answers are not kept.
import { at, make } from './dom.js'

const KEY = 'idp-gateway-history'
const LONGEST = 20

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? []
  } catch {
    return []
  }
}

// Lists the calls; `use` takes one up again.
export function history(use) {
  const show = () => {
    const calls = read()
    at('forget').hidden = !calls.length
    at('history').replaceChildren(...(calls.length ? calls.map(row) : [make('li', { class: 'empty', textContent: 'Calls that you make appear here.' })]))
  }
  const row = call => {
    const text = `${call.method} ${call.provider}${call.path}`
    const button = make('button', { type: 'button', class: 'link', title: text, 'aria-label': `Fill in ${text}` },
      make('span', { class: 'mono', textContent: text }))
    button.onclick = () => use(call)
    return make('li', {}, make('span', { class: `chip ${call.status < 400 ? 'good' : 'bad'}`, textContent: call.status, title: call.outcome }), button)
  }
  at('forget').onclick = () => {
    sessionStorage.removeItem(KEY)
    show()
  }
  show()
  return ({ provider, path, account, method }, { status, outcome }) => {
    const calls = [{ provider, path, account, method, status, outcome }, ...read()]
    sessionStorage.setItem(KEY, JSON.stringify(calls.slice(0, LONGEST)))
    show()
  }
}
