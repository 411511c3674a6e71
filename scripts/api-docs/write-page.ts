/** The reference of one entry point, in Markdown. */

import type { ApiEntry, ApiFile, ApiMember } from './api.ts'

export interface Page {
  /** As an importer writes it. */
  readonly module: string
  /** A sentence or two. */
  readonly about: string
  readonly files: readonly ApiFile[]
  /** Where names of other pages are explained. */
  readonly links: ReadonlyMap<string, string>
}

/** What begins the docstring of members that codecs and filters leave alone. */
const FRAMEWORK = 'Framework: '

export function writePage({ module, about, files, links }: Page): string {
  const entries = files.flatMap((file) => file.entries)
  const targets = new Map([...links, ...linksTo(files, '')])
  const sections = entries.map((entry) => writeEntry(entry, targets))
  return `# ${module}

${about}
\`npm run api-docs\` writes this page from the comments in the source.

| | |
|---|---|
${entries.map((entry) => `| ${linkTo(entry.name, '')} | ${firstSentence(entry.doc)} |\n`).join('')}
${sections.join('\n')}`
}

/** A link for each name, to the page at this address. */
export function linksTo(files: readonly ApiFile[], page: string): ReadonlyMap<string, string> {
  return new Map(files.flatMap(({ entries }) => entries.map(({ name }) => [name, linkTo(name, page)])))
}

function linkTo(name: string, page: string): string {
  return `[\`${name}\`](${page}#${name.toLowerCase()})`
}

function writeEntry({ name, kind, signature, doc, members }: ApiEntry, links: ReadonlyMap<string, string>): string {
  const others = new Map([...links].filter(([other]) => other !== name))
  const isForUsers = (member: ApiMember): boolean => !member.doc.startsWith(FRAMEWORK)
  const parts = [
    `## ${name}`,
    kind === 'function' || kind === 'type' ? `\`\`\`ts\n${signature}\n\`\`\`` : `\`${signature}\``,
    writeDoc(doc, others),
    writeMembers(members.filter(isForUsers), others),
  ]
  const framework = members.filter((member) => !isForUsers(member))
  if (framework.length > 0) {
    parts.push('For the framework, and for tests:', writeMembers(framework, others))
  }
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function writeMembers(members: readonly ApiMember[], links: ReadonlyMap<string, string>): string {
  return members.map((member) => writeMember(member, links)).join('\n')
}

function writeMember({ signature, doc }: ApiMember, links: ReadonlyMap<string, string>): string {
  const text = writeDoc(doc.startsWith(FRAMEWORK) ? doc.slice(FRAMEWORK.length) : doc, links)
  return `- \`${signature}\`: ${text.replaceAll(/\n(?=.)/g, '\n  ')}`
}

/** Names become links, and what is indented a drawing. */
function writeDoc(doc: string, links: ReadonlyMap<string, string>): string {
  return doc
    .split('\n\n')
    .map((paragraph) => (paragraph.startsWith('  ') ? drawing(paragraph) : withLinks(paragraph, links)))
    .join('\n\n')
}

function drawing(paragraph: string): string {
  return `\`\`\`text\n${paragraph.replaceAll(/^ {2}/gm, '')}\n\`\`\``
}

function withLinks(text: string, links: ReadonlyMap<string, string>): string {
  return text.replaceAll(/`(\w+)`/g, (code, name: string) => links.get(name) ?? code)
}

function firstSentence(doc: string): string {
  const [paragraph = ''] = doc.split('\n\n')
  const [sentence = ''] = paragraph.replaceAll('\n', ' ').split(/(?<=[.:])\s/)
  return sentence.replace(/:$/, '.').replaceAll('|', '\\|')
}
