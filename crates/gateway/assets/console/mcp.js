// The tools that an MCP client sees when this person signs in to it.
import { make } from './dom.js'

const REVISION = '2026-07-28'
const META = 'io.modelcontextprotocol'

async function tools(path, ask) {
  const response = await ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'MCP-Protocol-Version': REVISION, 'Mcp-Method': 'tools/list' },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'tools/list',
      params: { _meta: { [`${META}/protocolVersion`]: REVISION, [`${META}/clientCapabilities`]: {} } }
    })
  })
  const answer = await response.json()
  if (!response.ok || !answer.result) throw new Error(answer.error?.message ?? answer.message ?? `status ${response.status}`)
  return answer.result.tools
}

const row = ({ name, description, annotations }) => make('li', { 'aria-label': name },
  make('div', { class: 'title' }, make('strong', { class: 'mono', textContent: name }),
    make('span', { class: 'chip none', textContent: annotations?.readOnlyHint ? 'reads' : 'may write' })),
  make('p', { class: 'quiet', textContent: description }))

// One entry for each tool, or one that says why there is none.
export async function toolList(path, ask) {
  try {
    return (await tools(path, ask)).map(row)
  } catch (error) {
    return [make('li', { class: 'empty', textContent: `The tools cannot be read: ${error.message}` })]
  }
}
