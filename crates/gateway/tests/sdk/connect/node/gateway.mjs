// A gateway of its own over the demo's sandbox, with more in its configuration.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const demo = JSON.parse(process.env.DEMO)

/** Servers whose port has to be known before they listen get one below those that Linux gives to connections. */
export async function freePort(from) {
  for (let port = from; ; port += 1) {
    const server = createServer()
    const free = await new Promise(done => server.once('error', () => done(false)).listen(port, '127.0.0.1', () => done(true)))
    await new Promise(closed => (free ? server.close(closed) : closed()))
    if (free) return port
  }
}

/** Starts a gateway. `files` are written beside the configuration; `edit` changes the demo's. */
export async function startGateway(files, edit) {
  const folder = mkdtempSync(join(tmpdir(), 'idp-gateway-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  writeFileSync(join(folder, 'gateway.toml'), edit(demo.configuration, folder))
  const program = spawn(process.env.GATEWAY, ['serve', '--config', join(folder, 'gateway.toml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const log = []
  const listening = new Promise((resolve, reject) => {
    createInterface(program.stderr).on('line', line => {
      log.push(line)
      const event = line.startsWith('{') ? JSON.parse(line) : {}
      if (event.event === 'listening') resolve(`http://127.0.0.1:${event.listen.split(':').at(-1)}`)
    })
    program.once('exit', () => reject(new Error(log.join('\n'))))
  })
  const stop = () => {
    program.kill()
    rmSync(folder, { recursive: true })
  }
  try {
    return { url: await listening, log, stop }
  } catch (error) {
    stop()
    throw error
  }
}

/** A call as one of the demo's users. */
export const as = (user, url, init = {}) =>
  fetch(url, { ...init, headers: { authorization: `Bearer ${demo.users[user].token}`, ...init.headers } })
