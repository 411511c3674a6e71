import { KINDS, kindOf, type Resource, type ResourceKey, resourceKey } from '@meltemi/api'
import { type Document, isMap, isSeq, parseAllDocuments, stringify, type YAMLMap, type YAMLSeq } from 'yaml'

/** A text that cannot be changed because it cannot be understood. */
export class UnreadableTextError extends Error {}

const WRITTEN = { lineWidth: 0, aliasDuplicateObjects: false } as const

/**
 * The text with the document of the resource replaced, or with a new one at its end. Everything else stays as it is, to
 * the letter. Throws an UnreadableTextError for a text with mistakes.
 */
export function putDocument(text: string, resource: Resource): string {
  const words = wordsOf(resource)
  const found = find(text, keyOfWords(words))
  if (found === undefined) return append(text, stringify(words, WRITTEN))
  const { document, item } = found
  if (item !== undefined) return spliceList(text, document, (items) => replaceItem(document, items, item, words))
  const [from, to] = contentRange(document)
  return splice(text, from, to, isJson(document) ? JSON.stringify(words, null, 2) : stringify(words, WRITTEN))
}

/** The text without the document of the resource; undefined when nothing is left that anyone wrote. Throws as above. */
export function deleteDocument(text: string, key: ResourceKey): string | undefined {
  const found = find(text, key)
  if (found === undefined) return text
  const { document, item } = found
  if (item === undefined) {
    const rest = splice(text, document.range[0], document.range[2], '')
    return isBlank(rest) ? undefined : rest
  }
  return spliceList(text, document, (items) => void items.delete(item))
}

type WholeDocument = Document.Parsed

interface Found {
  readonly document: WholeDocument
  /** Place in its `items`, when it is a list. */
  readonly item: number | undefined
}

function find(text: string, key: ResourceKey): Found | undefined {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return undefined // there is none
  for (const document of documents as WholeDocument[]) {
    const [error] = document.errors
    if (error !== undefined) throw new UnreadableTextError(error.message)
    const { contents } = document
    if (!isMap(contents)) continue
    if (keyOfMap(contents) === key) return { document, item: undefined }
    const items = contents.get('items')
    if (!isSeq(items)) continue
    const item = items.items.findIndex((each) => isMap(each) && keyOfMap(each as YAMLMap) === key)
    if (item >= 0) return { document, item }
  }
  return undefined
}

function keyOfMap(map: YAMLMap): ResourceKey | undefined {
  const text = (path: readonly string[]) => {
    const value = map.getIn(path)
    return typeof value === 'string' ? value : ''
  }
  return keyOfWords({
    apiVersion: text(['apiVersion']),
    kind: text(['kind']),
    metadata: { name: text(['metadata', 'name']), namespace: text(['metadata', 'namespace']) },
  })
}

interface Words {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

function keyOfWords({ apiVersion, kind, metadata }: Words): ResourceKey {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  const definition = KINDS.find((each) => each.kind === kind && each.group === group)
  if (definition === undefined) return ''
  const namespace = definition.isNamespaced ? metadata.namespace || 'default' : ''
  return resourceKey(definition.kind, namespace, metadata.name)
}

/** As people write it: without what is empty, and without what only the control plane says. */
function wordsOf(resource: Resource): Words {
  const { name, namespace, labels, annotations, creationTimestamp } = resource.metadata
  const { status: _, ...rest } = resource as Resource & { readonly status?: unknown }
  return {
    ...rest,
    metadata: {
      name,
      ...(kindOf(resource.kind).isNamespaced ? { namespace } : {}),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(creationTimestamp === '' ? {} : { creationTimestamp }),
    },
  }
}

function contentRange({ contents, range }: WholeDocument): readonly [from: number, to: number] {
  const inner = contents?.range
  return inner === undefined || inner === null ? [range[0], range[2]] : [inner[0], inner[2]]
}

function isJson({ contents }: WholeDocument): boolean {
  return isMap(contents) && contents.flow === true
}

/** The text with the items of one of its documents changed; that document is written anew. */
function spliceList(text: string, document: WholeDocument, change: (items: YAMLSeq) => void): string {
  change(document.get('items') as YAMLSeq)
  const [from, , to] = document.range
  if (isJson(document)) return splice(text, from, to, JSON.stringify(document.toJS(), null, 2))
  const written = document.toString(WRITTEN)
  const isFirst = text.slice(0, from).trim() === ''
  return splice(text, from, to, isFirst || written.startsWith('---') ? written : `---\n${written}`)
}

function replaceItem(document: WholeDocument, items: YAMLSeq, index: number, words: Words): void {
  const node = document.createNode(words)
  const before = items.items[index]
  if (isMap(before) && before.commentBefore != null) node.commentBefore = before.commentBefore
  items.items[index] = node
}

function append(text: string, document: string): string {
  if (isBlank(text)) return document
  return `${text}${text.endsWith('\n') ? '' : '\n'}---\n${document}`
}

function splice(text: string, from: number, to: number, middle: string): string {
  const [before, after] = [text.slice(0, from), text.slice(to)]
  const isApart = middle === '' || middle.endsWith('\n') || after === '' || after.startsWith('\n')
  return `${before}${middle}${isApart ? '' : '\n'}${after}`
}

/** Nothing but marks between documents. */
function isBlank(text: string): boolean {
  return /^(?:\s|---|\.\.\.)*$/.test(text)
}
