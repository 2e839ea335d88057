import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { google } from 'googleapis'
import { demo } from './demo.mjs'
import { matrix } from './matrix.mjs'

// The client resolves paths against the origin alone, so it needs a virtual host.
const rootUrl = `${demo.virtual_hosts['www.googleapis.com']}/`

function signedIn (user) {
  const auth = new google.auth.OAuth2()
  auth.setCredentials({ access_token: demo.users[user].token })
  return auth
}

const drive = google.drive({ version: 'v3', auth: signedIn('ben'), rootUrl })
const { cell, without } = matrix('googleapis', 'Google')

cell('list', 'lists calendars through a virtual host', async () => {
  const calendar = google.calendar({ version: 'v3', auth: signedIn('ana'), rootUrl })
  const { data } = await calendar.calendarList.list()
  assert.ok(data.items.length > 0)
})

cell('page', 'pages through files', async () => {
  const ids = []
  let pageToken
  let pages = 0
  do {
    const { data } = await drive.files.list({ pageSize: 2, pageToken, fields: 'nextPageToken, files(id, name)' })
    ids.push(...data.files.map(file => file.id))
    pageToken = data.nextPageToken
    pages += 1
  } while (pageToken)
  assert.ok(pages > 1, 'more than one page')
  assert.equal(new Set(ids).size, ids.length, 'no file twice')
})

cell('create', 'creates a file', async () => {
  const { data } = await drive.files.create({ requestBody: { name: 'made.txt' } })
  assert.equal(data.name, 'made.txt')
})

cell('upload', 'uploads a stream', async () => {
  const body = Readable.from([Buffer.alloc(200_000), Buffer.alloc(100_000)])
  const media = { mimeType: 'text/plain', body }
  // Without it here too, the upload goes to Google.
  const { data, config } = await drive.files.create({ requestBody: { name: 'sent.txt' }, media }, { rootUrl })
  assert.ok(data.id)
  assert.ok(String(config.url).startsWith(rootUrl), config.url)
})

cell('download', 'downloads the bytes', async () => {
  const { data: { files: [file] } } = await drive.files.list({ pageSize: 1, q: "name contains 'Budget'" })
  const { data } = await drive.files.get({ fileId: file.id, alt: 'media' }, { responseType: 'stream' })
  let length = 0
  for await (const chunk of data) length += chunk.length
  assert.ok(length > 0)
})

without(['batch'], 'no call')

cell('errors', 'shows a problem of the gateway', async () => {
  const auth = new google.auth.OAuth2()
  auth.setCredentials({ access_token: 'no.caller.token' })
  const error = await google.drive({ version: 'v3', auth, rootUrl }).files.list().catch(error => error)
  assert.equal(error.response.status, 401)
  assert.equal(error.response.data.code, 'caller-token-invalid')
})
