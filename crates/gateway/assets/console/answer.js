// Shows what became of a call. No earlier answer stays while another is on its way, or when none comes.
import { asked, at, make, parsed, tabs } from './dom.js'
import { timeline } from './explain.js'
import { highlighted } from './json.js'
import { refusal } from './refusals.js'
import { languagesOf } from './snippets.js'

const FACTS = ['status', 'outcome', 'time', 'size', 'request']
const LISTS = ['body', 'picture', 'headers-list', 'explanation', 'audit-lines', 'actions', 'code', 'copied']
const PICTURES = /^image\/(png|jpeg|gif|webp)\b/

const size = bytes => bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`
let picture
let show

export function start() {
  show = tabs(document.querySelector('[role=tablist]'))
}

function say(message, tone) {
  at('message').textContent = message
  at('banner').className = `banner ${tone}`
}

export function clear(message, tone = 'waiting') {
  if (picture) URL.revokeObjectURL(picture)
  picture = undefined
  for (const id of FACTS) at(id).textContent = ''
  for (const id of LISTS) at(id).replaceChildren()
  at('remedy').hidden = at('picture').hidden = at('audit').hidden = true
  at('answer').hidden = false
  at('answer').setAttribute('aria-busy', tone === 'waiting')
  say(message, tone)
}

function offer(label, action, kind) {
  const button = make('button', { type: 'button', class: kind, textContent: label })
  button.onclick = asked(action)
  at('actions').append(button)
  return button
}

function wait(seconds, again) {
  const button = offer('', again)
  button.disabled = true
  const until = Date.now() + seconds * 1000
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000)
    button.disabled = left > 0
    button.textContent = left > 0 ? `Repeat in ${left} s` : 'Repeat the call'
    if (left > 0 && button.isConnected) setTimeout(tick, 250)
  }
  tick()
}

// Offers the one thing that helps against a refusal.
function offerRemedy(action, { problem, outcome, seconds, request, title, actions }) {
  switch (action) {
    case 'connect': return offer(`Connect ${title}`, () => actions.connect(problem.connect))
    case 'choose':
      for (const { account } of problem.accounts ?? []) offer(`Use ${account}`, () => actions.choose(account), 'choice')
      return
    case 'wait': return wait(seconds, actions.repeat)
    case 'change': return offer('Change the call', () => at('path').focus(), 'plain')
    case 'repeat': return offer('Repeat the call', actions.repeat)
    case 'sign-in': return offer('Sign in again', actions.signIn)
    case 'report': return offer('Copy for the operator', async event => {
      await navigator.clipboard.writeText(`${outcome}, request ${request}, ${new Date().toISOString()}`)
      event.target.textContent = 'Copied'
    }, 'plain')
  }
}

async function body(response, gateway, follow) {
  const blob = await response.blob()
  const kind = response.headers.get('content-type') ?? ''
  if (PICTURES.test(kind)) {
    picture = URL.createObjectURL(blob)
    at('picture').replaceChildren(make('img', { src: picture, alt: 'The picture that the provider sent' }))
    at('picture').hidden = false
    return { bytes: blob.size, text: '' }
  }
  const text = await blob.text()
  at('body').replaceChildren(text ? highlighted(text, gateway, follow) : make('span', { class: 'quiet', textContent: 'The answer has no body.' }))
  return { bytes: blob.size, text }
}

// Whether an answer with this Idp-Outcome is the gateway's own. A provider's is not, whatever its status: nothing in it is followed.
export const isOwn = (outcome, problems) =>
  outcome !== '' && outcome !== 'ok' && (!outcome.startsWith('provider-') || Boolean(problems))

// Shows an answer. `call` says how the call is written and what its buttons do. Returns the outcome and the problem.
export async function showAnswer(response, begun, call) {
  const outcome = response.headers.get('idp-outcome') ?? ''
  const request = response.headers.get('x-request-id') ?? ''
  const { bytes, text } = await body(response, call.gateway, call.actions.follow)
  at('status').textContent = `${response.status}`
  at('outcome').textContent = outcome
  at('request').textContent = request
  at('time').textContent = `${Math.round(performance.now() - begun)} ms`
  at('size').textContent = size(bytes)
  at('headers-list').replaceChildren(...[...response.headers].flatMap(([name, value]) =>
    [make('dt', { textContent: name }), make('dd', { textContent: value })]))
  const own = !response.ok && isOwn(outcome, call.problems)
  const problem = (own && parsed(text)) || {}
  at('answer').setAttribute('aria-busy', false)
  if (response.ok) {
    say(call.connecting ? 'Connected: the call works.' : call.done?.(parsed(text)) ?? 'The call works.', 'good')
  } else {
    const { text: sentence, action } = refusal(outcome, problem, call.title)
    say(sentence, action === 'wait' ? 'warn' : 'bad')
    at('remedy').textContent = problem.remedy ? `What helps: ${problem.remedy}` : ''
    at('remedy').hidden = !problem.remedy
    const seconds = Number(response.headers.get('retry-after') ?? problem.retry_after ?? 1)
    offerRemedy(action, { ...call, problem, outcome, request, seconds })
  }
  show('tab-body')
  // In a narrow window the form fills the screen.
  at('answer').scrollIntoView({ block: 'nearest' })
  return { ok: response.ok, outcome, problem, request }
}

// The timeline of an explanation; without one, why there is none.
export function showExplanation(explanation) {
  at('explanation').replaceChildren(...(explanation
    ? timeline(explanation)
    : [make('li', { class: 'none', textContent: 'The gateway explains calls to providers, of callers that it knows, for ten minutes.' })]))
}

// The lines of the audit log, one JSON object each, where the gateway runs as a demo and shows them.
export function showAudit(lines) {
  at('audit').hidden = !lines
  at('audit-lines').replaceChildren(...lines.split('\n').map(line => highlighted(line)))
}

// The call as code, in a language that the person chooses. `code` holds the adapter and the call, if it is one of a provider.
export function showCode(code) {
  at('tab-code').hidden = !code
  if (!code) return
  const [adapter, call] = code
  const languages = languagesOf(adapter)
  const chosen = at('language').value
  at('language').replaceChildren(...Object.keys(languages).map(name => make('option', { textContent: name })))
  at('language').value = languages[chosen] ? chosen : 'fetch'
  const write = () => { at('code').textContent = languages[at('language').value](call); at('copied').textContent = '' }
  at('language').onchange = write
  at('copy').onclick = asked(async () => {
    await navigator.clipboard.writeText(at('code').textContent)
    at('copied').textContent = 'Copied. Put your own access token in.'
  })
  write()
}
