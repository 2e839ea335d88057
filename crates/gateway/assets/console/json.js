// JSON as coloured text. Addresses become links, and those that lead back to this gateway fill the form.
import { make, parsed } from './dom.js'

// Longer texts are shown without colours: each token is an element.
const LONGEST = 200_000
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/g

export function highlighted(text, gateway, follow) {
  const value = parsed(text)
  const pretty = value === undefined ? text : JSON.stringify(value, null, 2)
  const fragment = document.createDocumentFragment()
  if (value === undefined || pretty.length > LONGEST) {
    fragment.append(pretty)
    return fragment
  }
  let end = 0
  for (const match of pretty.matchAll(TOKEN)) {
    fragment.append(pretty.slice(end, match.index), token(match, gateway, follow))
    end = match.index + match[0].length
  }
  fragment.append(pretty.slice(end))
  return fragment
}

function token([all, string, colon], gateway, follow) {
  if (colon !== undefined) return make('span', { class: 'key', textContent: all })
  if (string === undefined) return make('span', { class: 'atom', textContent: all })
  const address = parsed(string)
  if (address.startsWith(`${gateway}/proxy/`)) {
    const link = make('a', { href: '#path', class: 'string', textContent: string, title: 'Fill in this call' })
    link.onclick = event => {
      event.preventDefault()
      follow(address.slice(`${gateway}/proxy/`.length))
    }
    return link
  }
  if (/^https:\/\/[^\s]+$/.test(address)) {
    return make('a', { href: address, target: '_blank', rel: 'noopener noreferrer', class: 'string', textContent: string })
  }
  return make('span', { class: 'string', textContent: string })
}
