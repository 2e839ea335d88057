// Documents made at random, and what npm `graphql` finds in them: types of operation and root fields. Writes JSON to standard
// output: node graphql-documents.mjs [COUNT] [SEED]
import { parse, Kind } from 'graphql'

const count = Number(process.argv[2] ?? 300)
let state = Number(process.argv[3] ?? 1)
// mulberry32: the same documents for the same seed everywhere.
const random = () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const below = n => Math.floor(random() * n)
const one = list => list[below(list.length)]
const chance = p => random() < p

const NAMES = ['viewer', 'repository', 'node', 'on', 'query', 'mutation', 'fragment', 'type', 'true', 'null', '_x', 'A9', '__typename', '__schema']
const FRAGMENTS = ['F', 'G', 'H', 'fragment', 'query']
// The first fragment that may be spread here: seldom one that spreads this one.
let next = 0
const spread = () => (chance(0.02) ? 'Missing' : chance(0.03) ? one(FRAGMENTS) : FRAGMENTS.slice(next)[below(FRAGMENTS.length - next)] ?? 'F')
const SPACES = [' ', '\n', ',', '\t', ' # } { x\n', '\r\n', ', ,']
// The gateway refuses these two everywhere, because lexers differ at them.
const REFUSED_SPACE = '\ufeff'
const REFUSED_VALUE = '"""} block \\""" { """'
const VALUES = ['1', '-0.5e3', '"} { a"', '"\\u007d \\" x"', '"""} "block" ""{ \\" """', 'true', 'null', 'ENUM', '$v', '[1, [2]]', '{a: {b: "}"}}', '[]', '{}']
const gap = () => (chance(0.0005) ? REFUSED_SPACE : chance(0.15) ? one(SPACES) : ' ')
const value = () => (chance(0.005) ? REFUSED_VALUE : one(VALUES))

const args = () => (chance(0.25) ? `(${one(['x', 'on', 'query'])}:${gap()}${value()})` : '')
const directives = () => (chance(0.15) ? ` @${one(['include', 'skip', 'on'])}${args()}` : '')
const field = depth => {
  const alias = chance(0.2) ? `${one(NAMES)}${gap()}:${gap()}` : ''
  return `${alias}${one(NAMES)}${args()}${directives()}${depth > 0 && chance(0.4) ? gap() + set(depth - 1) : ''}`
}
const selection = depth => {
  const kind = below(10)
  if (kind < 6) return field(depth)
  if (kind < 8) return next < FRAGMENTS.length || chance(0.02) ? `...${gap()}${spread()}${directives()}` : field(depth)
  return `...${gap()}${chance(0.6) ? `on ${one(NAMES)}` : ''}${directives()}${gap()}${set(Math.max(depth - 1, 0))}`
}
const set = depth => `{${Array.from({ length: 1 + below(2) }, () => gap() + selection(depth)).join('')}${gap()}}`
const variables = () => (chance(0.3) ? `($v:${gap()}${one(['Int', '[Int!]!', 'In!'])}${chance(0.3) ? ' = 1' : ''})` : '')
const operation = () =>
  chance(0.3) ? set(2) : `${one(['query', 'query', 'mutation', 'subscription'])}${chance(0.6) ? ` ${one(NAMES)}` : ''}${variables()}${directives()}${gap()}${set(2)}`
const fragments = () => {
  const all = FRAGMENTS.map((name, index) => {
    next = index + 1
    return `fragment ${name} on ${one(NAMES)}${directives()} ${set(1)}`
  })
  next = 0
  return chance(0.05) ? all.slice(1) : chance(0.03) ? [...all, all[0]] : all
}
// Some are spoiled by one character.
const spoil = text => {
  if (!chance(0.2)) return text
  const at = below(text.length)
  return text.slice(0, at) + one(['', '}', '{', '"', '(', ':', '...', '#', '@', '!', '\u0000', 'é']) + text.slice(at + below(2))
}
const document = () => spoil([...Array.from({ length: 1 + below(2) }, operation), ...fragments()].sort(() => random() - 0.5).join(gap()))

// Operations and root fields by the parser's tree; null where the document is no executable one, or a fragment that is reached is
// missing, repeated or part of itself.
const read = text => {
  let tree
  try {
    tree = parse(text)
  } catch {
    return null
  }
  const fragments = new Map()
  for (const definition of tree.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      if (fragments.has(definition.name.value)) return null
      fragments.set(definition.name.value, definition)
    } else if (definition.kind !== Kind.OPERATION_DEFINITION) return null
  }
  // Everything that is reached, with the way to it: a fragment on its own way is part of itself.
  const sound = (selections, way) =>
    selections.every(selection => {
      if (selection.kind !== Kind.FRAGMENT_SPREAD) return !selection.selectionSet || sound(selection.selectionSet.selections, way)
      const name = selection.name.value
      return fragments.has(name) && !way.includes(name) && sound(fragments.get(name).selectionSet.selections, [...way, name])
    })
  const collect = (selections, fields) => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) fields.add(selection.name.value)
      else collect((selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection).selectionSet.selections, fields)
    }
  }
  const roots = {}
  const operations = tree.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  if (operations.length === 0) return null
  for (const { operation, selectionSet } of operations) {
    if (!sound(selectionSet.selections, [])) return null
    collect(selectionSet.selections, (roots[operation] ??= new Set()))
  }
  return Object.fromEntries(Object.entries(roots).map(([kind, fields]) => [kind, [...fields].sort()]))
}

const documents = Array.from({ length: count }, () => {
  const text = document()
  return { text, roots: read(text) }
})
process.stdout.write(JSON.stringify(documents) + '\n')
