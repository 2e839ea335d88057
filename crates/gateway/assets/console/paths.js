// Calls to try. Those of a provider come from the tables of its adapter, by `config.json`; those of the gateway itself come from
// its own description.

// The calls of an entry, the simplest one first.
export const callsOf = ({ calls }) => calls.length ? calls : [{ path: '/' }]

// Whether a path still has a parameter that a person has to fill in. Queries may hold braces.
export const parameterOf = path => /\{[^}]*\}/.exec(path.split('?')[0])?.[0]

// The gateway's own routes as an entry beside the providers.
export function gatewayEntry(description) {
  const routes = Object.entries(description?.paths ?? {}).filter(([path]) => path.startsWith('/v1/'))
  // The simplest calls first: those that read, with the fewest parameters.
  const weight = ({ method, path }) => (method === 'GET' ? 0 : 10) + path.split('{').length
  return {
    name: '', title: 'This gateway', adapter: 'gateway',
    calls: routes.flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(), path, label: operation.summary,
      body: operation.requestBody?.content?.['application/json']?.example
    }))).sort((one, other) => weight(one) - weight(other))
  }
}

// The call that a link of the API's description names: `#GET /v1/me`.
export function linked(hash) {
  try {
    const [, method, path] = /^#([A-Z]+) (\/.*)$/.exec(decodeURIComponent(hash)) ?? []
    return path && { method, path }
  } catch {
    return undefined
  }
}
