// Cells of the table in docs/providers/sdks.md: a cell says something when its test has passed.
import fs from 'node:fs'
import test from 'node:test'

const { dependencies } = JSON.parse(fs.readFileSync(new URL('package.json', import.meta.url)))

function record (sdk, provider, feature, result) {
  const row = { sdk, version: dependencies[sdk], provider, feature, result }
  fs.appendFileSync(process.env.MATRIX, JSON.stringify(row) + '\n')
}

// The tests of one SDK: a test for each feature, and what is said of features that there is nothing to run for.
export function matrix (sdk, provider) {
  return {
    cell (feature, title, run, result = 'works') {
      test(`${sdk}: ${title}`, async () => {
        await run()
        record(sdk, provider, feature, result)
      })
    },
    without (features, why) {
      for (const feature of features) record(sdk, provider, feature, why)
    }
  }
}
