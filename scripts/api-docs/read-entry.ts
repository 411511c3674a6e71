/** One exported declaration and its members. */

import {
  type ClassElement,
  type InterfaceDeclaration,
  isAsExpression,
  isClassDeclaration,
  isFunctionDeclaration,
  isInterfaceDeclaration,
  isObjectLiteralExpression,
  isPropertyAssignment,
  isTypeAliasDeclaration,
  isVariableDeclaration,
  type Node,
  type VariableDeclaration,
} from 'typescript/unstable/ast'
import { type Project, SymbolFlags } from 'typescript/unstable/sync'
import type { ApiEntry, ApiMember } from './api.ts'
import { docstringOf } from './docstring.ts'

const HIDDEN_MEMBER = /^(?:\w+ )*?(?:#|private |protected )/

/** Throws for a kind of declaration that it does not know. */
export function readEntry(name: string, node: Node, project: Project): ApiEntry {
  const doc = docstringOf(node)
  if (isClassDeclaration(node)) {
    const members = node.members.filter(isPublic).map(readClassMember)
    return { name, kind: 'class', signature: textUntil(node, node.members.pos - 1), doc, members }
  }
  if (isInterfaceDeclaration(node)) {
    // what it extends is not named, since its members are listed
    const signature = textUntil(node, node.heritageClauses?.pos ?? node.members.pos - 1)
    return { name, kind: 'interface', signature, doc, members: readInterfaceMembers(node, project) }
  }
  if (isTypeAliasDeclaration(node))
    return { name, kind: 'type', signature: textUntil(node, node.end), doc, members: [] }
  if (isFunctionDeclaration(node)) {
    return { name, kind: 'function', signature: textUntil(node, node.body?.pos ?? node.end), doc, members: [] }
  }
  if (isVariableDeclaration(node)) return readConstant(name, node)
  throw new Error(`${name} is neither a class, an interface, a type, a function nor a constant`)
}

function isPublic(member: ClassElement): boolean {
  return !HIDDEN_MEMBER.test(member.getText())
}

function readClassMember(member: ClassElement): ApiMember {
  const body = childOf(member, 'body')
  const name = childOf(member, 'name')?.getText() ?? 'constructor'
  return { name, signature: oneLine(textUntil(member, body?.pos ?? member.end)), doc: docstringOf(member) }
}

/** The types of the interface leave open which elements of a class have a name and a body. */
function childOf(member: ClassElement, key: 'name' | 'body'): Node | undefined {
  return (member as Partial<Record<typeof key, Node>>)[key]
}

/** Inherited ones too: what an interface extends need not be exported. */
function readInterfaceMembers(node: InterfaceDeclaration, project: Project): readonly ApiMember[] {
  const { checker } = project
  const symbol = checker.getSymbolAtLocation(node.name)
  if (symbol === undefined) throw new Error(`${node.name.getText()} has no symbol`)
  const properties = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
  return properties.map(({ name, flags, declarations }) => {
    const member = declarations[0]?.resolve(project)
    if (member === undefined) throw new Error(`${node.name.getText()}.${name} is not declared`)
    const text = oneLine(member.getText())
    // made optional by what inherits it
    const isOptional = (flags & SymbolFlags.Optional) !== 0 && !text.includes(`${name}?`)
    return { name, signature: isOptional ? text.replace(name, `${name}?`) : text, doc: docstringOf(member) }
  })
}

/** An object without a type has members; of other constants the type says all. */
function readConstant(name: string, { initializer, type, parent }: VariableDeclaration): ApiEntry {
  const doc = docstringOf(parent.parent)
  if (type !== undefined) {
    return { name, kind: 'constant', signature: `const ${name}: ${oneLine(type.getText())}`, doc, members: [] }
  }
  const value = initializer !== undefined && isAsExpression(initializer) ? initializer.expression : initializer
  if (value === undefined || !isObjectLiteralExpression(value)) throw new Error(`${name} has no type`)
  const members = value.properties.filter(isPropertyAssignment).map((property) => ({
    name: property.name.getText(),
    signature: oneLine(property.getText()),
    doc: docstringOf(property),
  }))
  return { name, kind: 'constant', signature: `const ${name}`, doc, members }
}

/** Without docstring, and without words that say nothing to users. */
function textUntil(node: Node, end: number): string {
  const text = node.getSourceFile().text.slice(node.getStart(), end)
  return text.replace(/^(?:export |override |async )+/, '').trim()
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
