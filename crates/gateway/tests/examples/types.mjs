// Writes the types of the client, made from the /openapi.json of a gateway: GATEWAY=http://127.0.0.1:8080 npm run types
import { writeFileSync } from 'node:fs'
import { typesOf } from './support.mjs'

writeFileSync(new URL('../../../../docs/examples/client/openapi.ts', import.meta.url), await typesOf(process.env.GATEWAY ?? 'http://127.0.0.1:8080'))
