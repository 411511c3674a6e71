/**
 * Loaded into a control plane by `--import`: its translator then fails on every route that matches the attribute
 * `breaks`. Nothing in the control plane is made for it: Node hands it another text of one of its files.
 */

import { registerHooks } from 'node:module'

const FILE = '/packages/control-plane/src/translate/match.ts'
const PLACE = 'function translateAttribute(name: string, attribute: AttributeMatch | null): MetadataMatcher {'
const FAULT = "if (name === 'breaks') throw new RangeError('a translator with a fault')"

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(FILE)) return loaded
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8')
    if (!source.includes(PLACE)) throw new Error(`${FILE} is not what this fault was made for`)
    return { ...loaded, source: source.replace(PLACE, `${PLACE} ${FAULT}`) }
  },
})
