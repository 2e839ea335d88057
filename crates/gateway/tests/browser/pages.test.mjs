// The pages as people see them: no serious finding of axe in both themes and three widths, and nothing wider than the window.
// SCREENSHOTS names a folder for pictures of all of them, DOCS_IMAGES one for those that the documentation shows (docs/images).
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import test from 'node:test'
import { demo, launch, signIn } from './support.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const DOCUMENTED = {
  'console-works-light-1280': 'console-light', 'console-refused-dark-1280': 'console-dark'
}
const THEMES = ['light', 'dark']
const WIDTHS = [390, 820, 1280]

async function examine(page, name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.map(node => `${node.html} ${node.failureSummary}`)]), [], name)
  const { wide, seen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, seen: innerWidth }))
  assert.ok(wide <= seen, `${name} is ${wide} px wide in a window of ${seen} px`)
  for (const [folder, file] of [[process.env.SCREENSHOTS, name], [process.env.DOCS_IMAGES, DOCUMENTED[name]]]) {
    if (!folder || !file) continue
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: `${folder}/${file}.jpg`, fullPage: true, type: 'jpeg', quality: 75 })
  }
}

async function everywhere(name, prepare) {
  const browser = await launch()
  try {
    for (const colorScheme of THEMES) {
      for (const width of WIDTHS) {
        const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } })
        const page = await context.newPage()
        await prepare(page, where => examine(page, `${name}-${where}-${colorScheme}-${width}`))
        await context.close()
      }
    }
  } finally {
    await browser.close()
  }
}

const submit = async (page, provider, path) => {
  await page.getByRole('combobox', { name: 'Provider' }).selectOption({ value: provider })
  await page.getByLabel('Path', { exact: true }).fill(path)
  await page.getByRole('button', { name: 'Call', exact: true }).click()
}

test('the console, in both themes and three widths', () =>
  everywhere('console', async (page, look) => {
    await page.goto(demo.console)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.locator('#health.good').waitFor()
    await look('welcome')
    await signIn(page, demo.console, 'cleo')
    await page.getByRole('listitem', { name: 'GitHub github|583233' }).waitFor()
    await submit(page, 'bitbucket', '/2.0/user')
    await page.locator('#message').filter({ hasText: 'You have not connected' }).waitFor()
    await look('refused')
    await submit(page, 'google', '/oauth2/v3/userinfo')
    await page.locator('#message').filter({ hasText: 'The call works' }).waitFor()
    await page.getByRole('listitem', { name: /^Google/ }).filter({ hasText: 'works' }).waitFor()
    await look('works')
    await page.locator('#mcp-count').click()
    for (const tab of ['Explain', 'Headers', 'Code']) {
      await page.getByRole('tab', { name: tab }).click()
      await look(tab.toLowerCase())
    }
  }))

test('the example app, in both themes and three widths', () =>
  everywhere('app', async (page, look) => {
    await page.goto(demo.app)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await look('welcome')
    await signIn(page, demo.app, 'ben')
    await submit(page, 'bitbucket', '/2.0/user')
    await page.locator('#message').filter({ hasText: 'It works' }).waitFor()
    await look('works')
  }))

test('the description of the API and the pages of the tenant, in both themes and three widths', () =>
  everywhere('docs', async (page, look) => {
    await page.goto(`${demo.gateway}/`)
    await page.waitForURL(demo.console)
    await page.getByRole('link', { name: 'API description' }).click()
    await page.getByRole('heading', { name: 'Outcomes and problems' }).waitFor()
    await look('api')
  }))
