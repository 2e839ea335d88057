// What the tests share: the demo that runs, the client's types, and other programs that are started.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import openapiTS, { astToString } from 'openapi-typescript'

export const demo = process.env.DEMO ? JSON.parse(process.env.DEMO) : undefined

// The types that a gateway's description yields.
export async function typesOf(gateway) {
  const description = await (await fetch(`${gateway}/openapi.json`)).json()
  const text = astToString(await openapiTS(description))
  return `// Made from /openapi.json by \`npm run types\`. Do not edit.\n${text}`
}

// Starts a program that says on its first line where it listens, and gives its address to `check`.
export async function withServer(command, args, environment, check) {
  const child = spawn(command, args, {
    env: { ...process.env, PORT: '0', ...environment }, stdio: ['ignore', 'pipe', 'inherit']
  })
  try {
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
    await check(`http://127.0.0.1:${JSON.parse(value).listening}`)
  } finally {
    child.kill()
  }
}
